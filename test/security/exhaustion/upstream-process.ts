import { startTirelessUpstream } from './upstream.ts';

// It ends with its process.
process.send?.(await startTirelessUpstream({ after: () => {} }));
