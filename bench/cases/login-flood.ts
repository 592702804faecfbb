import { startRedis } from '../../test/support/redis.ts';
import { stop } from '../../test/support/server-process.ts';
import type { Bench } from '../bench.ts';
import type { BenchCase, Findings } from '../bench-case.ts';
import { openKeys, tokensFile } from '../keys.ts';
import { chooseGenerator } from '../load/generators.ts';
import { GrantLoad, loginForm } from '../load/grants.ts';
import type { LoadResult } from '../load/load.ts';
import { printSpread, spreadOf } from '../measure/spread.ts';
import { posternSettings } from '../peers/postern.ts';
import { type PosternProcess, startPostern } from '../postern-process.ts';
import { type Traffic, USUAL_TRAFFIC } from '../traffic.ts';
import { startUpstream } from '../upstream.ts';

/** Not as much as the gateway can do: nobody's latency is good when all is busy. About 1,000 requests a second. */
const TRAFFIC: Traffic = { ...USUAL_TRAFFIC, connections: 16, pauseMs: 16 };
const LOGINS_AT_ONCE = 64;
const UNLIMITED = 1_000_000_000;

/** So that each wrong password is checked, as an attacker with very many addresses could have it. */
export const NO_LOGIN_LIMITS = {
  user_and_address: { failures: UNLIMITED },
  user: { failures: UNLIMITED },
  address: { failures: UNLIMITED },
  client: { failures: UNLIMITED },
};

const SENTENCE = `Latency of about 1,000 proxied requests a second, quiet and beside ${LOGINS_AT_ONCE} callers at another address who try wrong passwords without a pause`;

export const loginFloodCases: readonly BenchCase[] = [
  {
    name: 'login-flood',
    sentence: `${SENTENCE}; login limits as they are by default`,
    isUsual: true,
    run: (bench) => flood(bench, {}),
  },
  {
    name: 'login-flood-without-limits',
    sentence: `${SENTENCE}; without login limits, so that each is hashed with argon2id (m=19456, t=2, p=1)`,
    isUsual: true,
    run: (bench) => flood(bench, NO_LOGIN_LIMITS),
  },
];

interface Pair {
  readonly quiet: LoadResult;
  readonly flooded: LoadResult;
  readonly loginsPerSecond: number;
}

async function flood(bench: Bench, login_limits: object): Promise<Findings> {
  const keys = openKeys(TRAFFIC.algorithm);
  const [upstream, redis] = [await startUpstream(bench, TRAFFIC.answerBytes), bench.adopt(await startRedis())];
  const sections = posternSettings({ traffic: TRAFFIC, keys, upstreamPort: upstream.port });
  const gateway = await startPostern(bench, { ...sections, store: { redis: redis.url }, login_limits });
  try {
    const tokens = await tokensFile(keys, 1);
    const pairs: Pair[] = [];
    await measurePair(bench, gateway, tokens);
    for (let round = 0; round < bench.options.rounds; round += 1) pairs.push(await measurePair(bench, gateway, tokens));
    return findingsOf(pairs);
  } finally {
    await stop(gateway.process);
    await Promise.all([upstream.stop(), redis.stop()]);
  }
}

async function measurePair(bench: Bench, gateway: PosternProcess, tokens: string): Promise<Pair> {
  const quiet = await measureLatency(bench, gateway, tokens);
  const attack = new GrantLoad(gateway.port, () => loginForm('ann', 'wrong password'), LOGINS_AT_ONCE);
  const flooded = await measureLatency(bench, gateway, tokens).catch(async (error) => {
    await attack.end();
    throw error;
  });
  const { answers, seconds } = await attack.end();
  return { quiet, flooded, loginsPerSecond: answers.length / seconds };
}

function measureLatency(bench: Bench, { port }: PosternProcess, tokens: string): Promise<LoadResult> {
  const { seconds } = bench.options;
  return chooseGenerator().run(bench, { traffic: TRAFFIC, port, tokensFile: tokens, seconds });
}

function findingsOf(all: readonly Pair[]): Findings {
  const pairs = all.filter(({ quiet, flooded }) => quiet.errors + flooded.errors === 0);
  if (pairs.length === 0)
    return { table: { columns: [], rows: [] }, notes: ['All rounds are void: requests failed.'], figures: all };
  const row = (label: string, results: readonly LoadResult[], logins: readonly number[]) => [
    label,
    printSpread(spreadOf(results.map(({ latencyMs }) => latencyMs.p50)), 2),
    printSpread(spreadOf(results.map(({ latencyMs }) => latencyMs.p99)), 2),
    printSpread(spreadOf(results.map(({ latencyMs }) => latencyMs.p999)), 2),
    printSpread(spreadOf(results.map(({ requests, seconds }) => requests / seconds)), 0),
    printSpread(spreadOf(logins), 0),
  ];
  const worse = spreadOf(pairs.map(({ quiet, flooded }) => flooded.latencyMs.p99 / quiet.latencyMs.p99));
  return {
    table: {
      columns: ['proxied traffic', 'p50 ms', 'p99 ms', 'p99.9 ms', 'requests/s', 'wrong logins/s'],
      rows: [
        row(
          'quiet',
          pairs.map(({ quiet }) => quiet),
          [0],
        ),
        row(
          'flooded',
          pairs.map(({ flooded }) => flooded),
          pairs.map(({ loginsPerSecond }) => loginsPerSecond),
        ),
      ],
    },
    notes: [
      `p99 flooded to quiet, of each pair of rounds: ${printSpread(worse, 2)}. The goal is at most 2.`,
      ...(all.length > pairs.length
        ? [`Void, for requests failed: ${all.length - pairs.length} of ${all.length} pairs.`]
        : []),
      `The threads that hash share the gateway's one core with its event loop here; where there are more cores, they do not.`,
    ],
    figures: all,
  };
}
