import { Pool } from 'undici';
import { stop } from '../../test/support/server-process.ts';
import type { Bench } from '../bench.ts';
import type { BenchCase, Findings } from '../bench-case.ts';
import { openKeys } from '../keys.ts';
import { loginForm, requestGrant } from '../load/grants.ts';
import { mainThreadMilliseconds } from '../measure/process-tree.ts';
import { printNumber, quantile } from '../measure/spread.ts';
import { signingWith } from '../peers/postern.ts';
import { PASSWORD_HASH, type PosternProcess, startPostern } from '../postern-process.ts';
import { AUDIENCE, ISSUER } from '../traffic.ts';
import { NO_LOGIN_LIMITS } from './login-flood.ts';

const LOGINS = 8;
const LOGINS_AT_ONCE = 4;
/** Node's monitor looks so often, and counts it into each delay. */
const RESOLUTION_MS = 10;
const GOAL_MS = 20;

const IDENTITY = Buffer.concat([Buffer.from('0100000002000186a000000010', 'hex'), Buffer.alloc(16 + 32, 7)]);

/** One hash of each scheme at a cost that its systems use now, and of no password: a wrong one costs the same. */
const HASHES: Readonly<Record<string, string>> = {
  'argon2id m=19456,t=2': PASSWORD_HASH,
  'argon2i m=19456,t=2': PASSWORD_HASH.replace('argon2id', 'argon2i'),
  'argon2d m=19456,t=2': PASSWORD_HASH.replace('argon2id', 'argon2d'),
  'bcrypt cost 12': `$2b$12$${'a'.repeat(21)}u${'a'.repeat(31)}`,
  'scrypt N=2^17': `$scrypt$ln=17,r=8,p=1$c2FsdHNhbHRzYWx0$${'A'.repeat(43)}`,
  'pbkdf2 (Django) 1,000,000': `pbkdf2_sha256$1000000$saltsaltsalt$${'A'.repeat(43)}=`,
  'ASP.NET Identity 100,000': IDENTITY.toString('base64'),
  'sha512-crypt 100,000': `$6$rounds=100000$saltsalt$${'A'.repeat(86)}`,
  'sha256-crypt 100,000': `$5$rounds=100000$saltsalt$${'A'.repeat(43)}`,
  'md5-crypt': '$1$phpsalt$UV3FMsCpBqs5cliJesnrU0',
  apr1: '$apr1$htSHOg2G$3XhcurwEZruIoab/VAIzh1',
  'phpass 2^13': `$P$B12345678${'A'.repeat(22)}`,
  'WordPress bcrypt cost 12': `$wp$2y$12$${'a'.repeat(21)}u${'a'.repeat(31)}`,
  'Drupal 7 2^15': `$S$D12345678${'A'.repeat(43)}`,
  '{SSHA}': '{SSHA}PH5/jFvTDze2ApONI7zKTAGEdmGVyZDq',
  '{CRYPT} sha512-crypt': `{CRYPT}$6$rounds=100000$saltsalt$${'A'.repeat(86)}`,
  'MySQL 4.1': '*7036BCFD09F7FC4175FD6E6C8848ADAEEE8AC7FE',
  'MySQL before 4.1': '1c1c83f07b36f208',
};

export const hashingCases: readonly BenchCase[] = [
  {
    name: 'hashing',
    sentence: `How late the event loop is while ${LOGINS_AT_ONCE} wrong passwords at once are checked, for each scheme of hashes`,
    isUsual: true,
    run: measureDelays,
  },
];

interface Delay {
  readonly scheme: string;
  readonly loginMs: number;
  /** What a login takes of the thread of the event loop: no hash blocks it for longer. */
  readonly mainThreadMs: number;
  readonly p99Ms: number;
  readonly mostMs: number;
}

async function measureDelays(bench: Bench): Promise<Findings> {
  const sections = {
    tokens: { issuer: ISSUER, audience: AUDIENCE, signing: signingWith(openKeys('RS256')) },
    login_limits: { ...NO_LOGIN_LIMITS, min_failure_time: '0ms', concurrent_checks: LOGINS_AT_ONCE },
  };
  const schemes = Object.entries(HASHES);
  const users = schemes.map(([, password_hash], index) => [`u${index}`, { password_hash }]);
  const gateway = await startPostern(bench, sections, Object.fromEntries(users), 'all');
  const pool = new Pool(`http://127.0.0.1:${gateway.port}`, { connections: LOGINS_AT_ONCE });
  try {
    const delays: Delay[] = [];
    // The threads start with the first checks.
    await measureScheme(gateway, pool, 'u0', 'warm-up');
    for (const [index, [scheme]] of schemes.entries()) {
      delays.push(await measureScheme(gateway, pool, `u${index}`, scheme));
    }
    return findingsOf(delays);
  } finally {
    await pool.close();
    await stop(gateway.process);
  }
}

async function measureScheme(gateway: PosternProcess, pool: Pool, username: string, scheme: string): Promise<Delay> {
  await readDelays(gateway);
  const before = mainThreadMilliseconds(gateway.pid);
  const times: number[] = [];
  const logIn = async () => {
    const startedAt = performance.now();
    const status = await requestGrant(pool, loginForm(username, 'wrong password'));
    if (status !== 400) throw new Error(`${scheme}: a wrong password is answered ${status}`);
    times.push(performance.now() - startedAt);
  };
  for (let done = 0; done < LOGINS; done += LOGINS_AT_ONCE) {
    await Promise.all(Array.from({ length: LOGINS_AT_ONCE }, logIn));
  }
  const mainThreadMs = (mainThreadMilliseconds(gateway.pid) - before) / LOGINS;
  return { scheme, loginMs: quantile(times, 0.5), mainThreadMs, ...(await readDelays(gateway)) };
}

/** What Node's monitor of the event loop has seen since it was read last. */
async function readDelays({ adminPort }: PosternProcess): Promise<Pick<Delay, 'p99Ms' | 'mostMs'>> {
  const metrics = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text();
  const read = (name: string) => {
    const value = new RegExp(`^nodejs_eventloop_lag_${name}_seconds (\\S+)$`, 'm').exec(metrics)?.[1];
    if (value === undefined) throw new Error(`no nodejs_eventloop_lag_${name}_seconds in the metrics`);
    return Math.max(0, Number(value) * 1000 - RESOLUTION_MS);
  };
  return { p99Ms: read('p99'), mostMs: read('max') };
}

function findingsOf(delays: readonly Delay[]): Findings {
  const late = delays.filter(({ mostMs }) => mostMs > GOAL_MS).map(({ scheme }) => scheme);
  return {
    table: {
      columns: [
        'scheme',
        'a login, ms (median)',
        'of it on the event loop’s thread, CPU ms',
        'delay p99 ms',
        'delay at most ms',
      ],
      rows: delays.map(({ scheme, loginMs, mainThreadMs, p99Ms, mostMs }) => [
        scheme,
        ...[loginMs, mainThreadMs, p99Ms, mostMs].map((value) => printNumber(value)),
      ]),
    },
    notes: [
      `The goal is ${GOAL_MS} ms at most. ${late.length === 0 ? 'None is later.' : `Later: ${late.join(', ')}.`}`,
      'The delays are those of Node’s own monitor of the event loop, from /metrics. They also hold what the machine kept the thread waiting for a core, with all threads that hash and all other work; its CPU does not.',
    ],
    figures: delays,
  };
}
