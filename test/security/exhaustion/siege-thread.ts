import { parentPort, workerData } from 'node:worker_threads';
import { BEHAVIOURS, type Behaviour, type BehaviourName, Siege } from './siege.ts';

/** Who besieges, and how. */
export type SiegeOrder = Pick<Behaviour, 'connections' | 'openedInMs'> & {
  readonly url: string;
  readonly name: BehaviourName;
};

const { url, name, ...numbers } = workerData as SiegeOrder;
const siege = new Siege(url, { ...BEHAVIOURS[name], ...numbers });
parentPort?.on('message', () => parentPort?.postMessage({ open: siege.open, statuses: siege.statuses }));
