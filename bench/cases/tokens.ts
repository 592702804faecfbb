import { Pool } from 'undici';
import { type RunningRedis, startRedis } from '../../test/support/redis.ts';
import { stop } from '../../test/support/server-process.ts';
import type { Bench } from '../bench.ts';
import type { BenchCase, Findings } from '../bench-case.ts';
import { openKeys } from '../keys.ts';
import { GrantLoad, type GrantRequest, loginForm, requestGrant } from '../load/grants.ts';
import { usageOf } from '../measure/process-tree.ts';
import { roundTripsOf } from '../measure/round-trips.ts';
import { signatureMicroseconds } from '../measure/signature-cost.ts';
import { printNumber, printSpread, quantile, spreadOf } from '../measure/spread.ts';
import { signingWith } from '../peers/postern.ts';
import { PASSWORD, PASSWORD_HASH, type PosternProcess, startPostern } from '../postern-process.ts';
import { type Algorithm, AUDIENCE, ISSUER } from '../traffic.ts';

const CALLERS = 16;
/** More than there are callers, so that hardly one waits for another's login of the same user. */
const USERS = 1000;
/** argon2id at next to no cost, of the same password: what a login costs but for its hash. */
const CHEAPEST_HASH = '$argon2id$v=19$m=8,t=1,p=1$pRQwficdu+MF2v1dzLyBNg$TpHd8izwsp/gXyMUIOjpTHle6TDLub2pvjyQjKxZiT8';
const COUNTED_REFRESHES = 200;

export const tokenCases: readonly BenchCase[] = (['RS256', 'ES256'] as const).map((algorithm) => ({
  name: `tokens-${algorithm.toLowerCase()}`,
  sentence: `Grants for ${CALLERS} callers, signed with ${algorithm}; password grants of ${printNumber(USERS, 0)} users with argon2id (m=19456, t=2, p=1)`,
  isUsual: algorithm === 'RS256',
  run: (bench: Bench) => measureGrants(bench, algorithm),
}));

/** What a gateway differs in from the other two. */
interface Kind {
  readonly store: 'Redis' | 'embedded store';
  readonly hash: string;
}

const USUAL: Kind = { store: 'Redis', hash: PASSWORD_HASH };
const CHEAP: Kind = { store: 'Redis', hash: CHEAPEST_HASH };
/** The hash of a password is the same with each store, and so large that a difference would drown in it. */
const EMBEDDED: Kind = { store: 'embedded store', hash: CHEAPEST_HASH };

/** What is measured, in turns. By difference they say what the store's client and the hash cost. */
const RUNS = [
  { grant: 'client_credentials', kind: USUAL },
  { grant: 'client_credentials', kind: EMBEDDED },
  { grant: 'refresh_token', kind: USUAL },
  { grant: 'refresh_token', kind: EMBEDDED },
  { grant: 'password', kind: USUAL },
  { grant: 'password', kind: CHEAP },
  { grant: 'password', kind: EMBEDDED },
] as const;

type Grant = (typeof RUNS)[number]['grant'];

/** One round of one run. CPU in microseconds for each grant. */
interface Granted {
  readonly grantsPerSecond: number;
  readonly cpu: number;
  readonly redisCpu: number;
  readonly p50: number;
  readonly p99: number;
}

async function measureGrants(bench: Bench, algorithm: Algorithm): Promise<Findings> {
  const redis = bench.adopt(await startRedis());
  const gateways = new Map<Kind, PosternProcess>();
  try {
    for (const kind of [USUAL, CHEAP, EMBEDDED]) gateways.set(kind, await startIssuer(bench, algorithm, kind, redis));
    const rounds = RUNS.map(({ grant, kind }) => ({ grant, kind, rounds: [] as Granted[] }));
    for (let round = 0; round <= bench.options.rounds; round += 1) {
      for (const { grant, kind, rounds: ended } of rounds) {
        const granted = await measureGrant(bench, grant, gatewayOf(gateways, kind), redis);
        // The first warms up.
        if (round > 0) ended.push(granted);
      }
    }
    const roundTrips = await countRoundTrips(gatewayOf(gateways, USUAL), redis);
    return findingsOf(rounds, await signatureMicroseconds(algorithm), roundTrips);
  } finally {
    await Promise.all([...gateways.values()].map(({ process: child }) => stop(child)));
    await redis.stop();
  }
}

function gatewayOf(gateways: ReadonlyMap<Kind, PosternProcess>, kind: Kind): PosternProcess {
  const gateway = gateways.get(kind);
  if (gateway === undefined) throw new RangeError(`no gateway with ${kind.store} runs`);
  return gateway;
}

function startIssuer(bench: Bench, algorithm: Algorithm, { store, hash }: Kind, redis: RunningRedis) {
  const sections = {
    tokens: { issuer: ISSUER, audience: AUDIENCE, signing: signingWith(openKeys(algorithm)) },
    ...(store === 'Redis' && { store: { redis: redis.url, key_prefix: hash === PASSWORD_HASH ? 'usual' : 'cheap' } }),
  };
  const users = Array.from({ length: USERS }, (_, index) => [`u${index}`, { password_hash: hash }]);
  return startPostern(bench, sections, Object.fromEntries(users));
}

/** @throws Error when a grant was refused: then the others' time says nothing. */
async function measureGrant(
  bench: Bench,
  grant: Grant,
  gateway: PosternProcess,
  redis: RunningRedis,
): Promise<Granted> {
  const next = await REQUESTS[grant](gateway);
  const redisPids = [redis.process.pid ?? 0];
  const [before, redisBefore] = [usageOf([gateway.pid]), usageOf(redisPids)];
  const load = new GrantLoad(gateway.port, next, CALLERS);
  await new Promise((resolve) => setTimeout(resolve, bench.options.seconds * 1000));
  const { answers, seconds } = await load.end();
  const [after, redisAfter] = [usageOf([gateway.pid]), usageOf(redisPids)];
  const refused = answers.find(({ status }) => status !== 200);
  if (refused) throw new Error(`${grant}: answered ${refused.status}`);
  const times = answers.map(({ ms }) => ms);
  return {
    grantsPerSecond: answers.length / seconds,
    cpu: (after.cpuMicroseconds - before.cpuMicroseconds) / answers.length,
    redisCpu: (redisAfter.cpuMicroseconds - redisBefore.cpuMicroseconds) / answers.length,
    p50: quantile(times, 0.5),
    p99: quantile(times, 0.99),
  };
}

const loginOfAny = () => loginForm(`u${Math.floor(Math.random() * USERS)}`, PASSWORD);

/** What is sent next, by grant. A refresh sends the token that came with the last one. */
const REQUESTS: Readonly<Record<Grant, (gateway: PosternProcess) => Promise<() => GrantRequest>>> = {
  client_credentials: async () => () => ({ form: { grant_type: 'client_credentials' } }),
  password: async () => loginOfAny,
  refresh_token: async (gateway) => {
    const unused = await logIn(gateway, CALLERS);
    return () => refreshWith(unused);
  },
};

/** Takes a refresh token out of those that are unused, and puts its successor in. */
function refreshWith(unused: string[]): GrantRequest {
  const refresh_token = unused.shift();
  if (refresh_token === undefined) throw new RangeError('there are more callers than refresh tokens');
  return {
    form: { grant_type: 'refresh_token', refresh_token },
    accept: (answer) => unused.push(answer.refresh_token ?? ''),
  };
}

/** So many refresh tokens, each of a session of its own. */
async function logIn({ port }: PosternProcess, count: number): Promise<string[]> {
  const pool = new Pool(`http://127.0.0.1:${port}`);
  const tokens: string[] = [];
  const accept = (answer: Record<string, string>) => tokens.push(answer.refresh_token ?? '');
  for (let index = 0; index < count; index += 1) {
    await requestGrant(pool, { ...loginForm(`u${index}`, PASSWORD), accept });
  }
  await pool.close();
  return tokens;
}

async function countRoundTrips(gateway: PosternProcess, redis: RunningRedis): Promise<number> {
  const unused = await logIn(gateway, 1);
  const pool = new Pool(`http://127.0.0.1:${gateway.port}`);
  const roundTrips = await roundTripsOf(redis.url, COUNTED_REFRESHES, () => requestGrant(pool, refreshWith(unused)));
  await pool.close();
  return roundTrips;
}

type Run = Readonly<{ grant: Grant; kind: Kind; rounds: readonly Granted[] }>;

function findingsOf(runs: readonly Run[], signature: number, roundTrips: number): Findings {
  const cpuOf = (grant: Grant, kind: Kind) => {
    const rounds = runs.find((run) => run.grant === grant && run.kind === kind)?.rounds ?? [];
    return spreadOf(rounds.map(({ cpu }) => cpu)).median;
  };
  const sharesOf = ({ grant, kind }: Run) => {
    if (kind !== USUAL) return ['', '', ''];
    const withRedis = cpuOf(grant, grant === 'password' ? CHEAP : USUAL);
    const shares = [cpuOf(grant, USUAL) - withRedis, signature, withRedis - cpuOf(grant, EMBEDDED)];
    return shares.map((share) => printNumber(share, 0));
  };
  return {
    table: {
      columns: [
        'grant',
        'with',
        'grants/s',
        'p50 ms',
        'p99 ms',
        'CPU µs/grant',
        'hash µs',
        'signature µs',
        'store µs',
        'Redis’s own µs',
      ],
      rows: runs.map((run) => [
        run.grant,
        run.kind.store + (run.grant === 'password' && run.kind !== USUAL ? ', cheapest hash' : ''),
        printSpread(spreadOf(run.rounds.map(({ grantsPerSecond }) => grantsPerSecond)), 0),
        printSpread(spreadOf(run.rounds.map(({ p50 }) => p50))),
        printSpread(spreadOf(run.rounds.map(({ p99 }) => p99))),
        printSpread(spreadOf(run.rounds.map(({ cpu }) => cpu)), 0),
        ...sharesOf(run),
        run.kind.store === 'Redis' ? printSpread(spreadOf(run.rounds.map(({ redisCpu }) => redisCpu)), 0) : '',
      ]),
    },
    notes: [
      'The split of the CPU: the hash is the difference to the cheapest hash, the store the difference to the embedded store (the client’s side; Redis’s own comes on top), the signature the CPU of jose signing the same token in the bench.',
      `Redis round trips of a refresh, counted by MONITOR over ${COUNTED_REFRESHES}: ${printNumber(roundTrips, 2)}.`,
    ],
    figures: { runs, signature, roundTrips },
  };
}
