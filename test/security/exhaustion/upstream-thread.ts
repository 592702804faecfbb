import { parentPort } from 'node:worker_threads';
import { startTirelessUpstream } from './upstream.ts';

// It ends with its thread.
parentPort?.postMessage(await startTirelessUpstream({ after: () => {} }));
