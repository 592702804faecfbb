import { parentPort, workerData } from 'node:worker_threads';
import { BEHAVIOURS, type BehaviourName, Siege } from './siege.ts';

const { url, name, count } = workerData as { url: string; name: BehaviourName; count: number };
const siege = new Siege(url, { ...BEHAVIOURS[name], connections: count });
parentPort?.on('message', () => parentPort?.postMessage({ open: siege.open, statuses: siege.statuses }));
