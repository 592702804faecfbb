import { missingPackage, peerProgram } from '../peers/npm.ts';
import type { LoadGenerator } from './load.ts';
import { runProgram } from './run-program.ts';

/** Where there is no wrk. It needs more of its cores for as many requests, so the gateways wait for it more often. */
export const autocannon: LoadGenerator = {
  name: 'autocannon',
  missing: () => missingPackage('autocannon'),

  async run(bench, load) {
    const output = await runProgram(bench.pinned('load', peerProgram('autocannon', JSON.stringify(load))));
    return JSON.parse(output);
  },
};
