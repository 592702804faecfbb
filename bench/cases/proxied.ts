import type { Bench } from '../bench.ts';
import type { BenchCase, Findings } from '../bench-case.ts';
import { openKeys, tokensFile } from '../keys.ts';
import { chooseGenerator } from '../load/generators.ts';
import { printNumber } from '../measure/spread.ts';
import { compareRounds } from '../report/comparison.ts';
import { endAll, measureInTurns, startCompetitors } from '../rounds.ts';
import { type Traffic, USUAL_TRAFFIC } from '../traffic.ts';
import { startUpstream } from '../upstream.ts';

/** Every shape of traffic: what differs from the usual one. */
const SHAPES: Readonly<Record<string, Partial<Traffic>>> = {
  'get-200b': {},
  'get-100kb': { answerBytes: 100_000 },
  'post-10kb': { method: 'POST', requestBytes: 10_000 },
  'get-200b-100k-tokens': { tokens: 100_000 },
  'get-200b-1-connection': { connections: 1 },
  'get-200b-1000-connections': { connections: 1000 },
  'get-200b-no-keep-alive': { keepAlive: false },
  'get-200b-10k-routes': { routes: 10_000 },
};

/** With ES256 only the plain shape is usual: what the algorithm changes shows there. */
export const proxiedCases: readonly BenchCase[] = (['RS256', 'ES256'] as const).flatMap((algorithm) =>
  Object.entries(SHAPES).map(([name, difference]) => {
    const traffic = { ...USUAL_TRAFFIC, ...difference, algorithm };
    return {
      name: `${name}-${algorithm.toLowerCase()}`,
      sentence: describe(traffic),
      isUsual: algorithm === 'RS256' || name === 'get-200b',
      run: (bench: Bench) => compare(bench, traffic),
    };
  }),
);

function describe(traffic: Traffic): string {
  const { method, requestBytes, answerBytes, algorithm, tokens, connections, keepAlive, routes } = traffic;
  return [
    `${method}${requestBytes > 0 ? ` of ${printNumber(requestBytes, 0)} B` : ''}, answered with ${printNumber(answerBytes, 0)} B`,
    `${tokens === 1 ? 'one token' : `${printNumber(tokens, 0)} tokens picked at random`} (${algorithm})`,
    `${printNumber(connections, 0)} ${connections === 1 ? 'connection' : 'connections'}${keepAlive ? '' : ', a new one for each request'}`,
    `${printNumber(routes, 0)} routes`,
  ].join('; ');
}

async function compare(bench: Bench, traffic: Traffic): Promise<Findings> {
  const keys = openKeys(traffic.algorithm);
  const tokens = await tokensFile(keys, traffic.tokens);
  const upstream = await startUpstream(bench, traffic.answerBytes);
  const { competitors, absent } = await startCompetitors(bench, { traffic, keys, upstreamPort: upstream.port });
  try {
    const rounds = await measureInTurns(bench, chooseGenerator(), competitors, { traffic, tokensFile: tokens });
    return compareRounds(rounds, absent);
  } finally {
    await endAll(competitors);
    await upstream.stop();
  }
}
