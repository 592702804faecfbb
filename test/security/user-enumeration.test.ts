import assert from 'node:assert/strict';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { hashSync as argon2 } from '@node-rs/argon2';
import { hashSync as bcrypt } from 'bcryptjs';
import { stringify } from 'yaml';
import { type RunningGateway, requestToken, type Settings, startGateway } from '../support/gateway.ts';

/**
 * Who can tell a user that exists from one that does not has half of a login, and a list of customers. Answers tell it by
 * a word, by a header, or by their time: a password that is hashed takes longer than one that is not, because nobody is
 * there to compare it with (CVE-2016-6210, CVE-2018-15473), and a slow scheme longer than a fast one. Clients are no
 * secret, but what they prove themselves with must not be told apart either.
 *
 * Times are compared by their medians. POSTERN_TIMING_TRIALS says how many trials of each kind there are at least; 500
 * take some minutes. Few trials on a busy machine may differ by chance, so that more are made before that counts.
 */

const TRIALS = Number(process.env.POSTERN_TIMING_TRIALS ?? 15);
const MOST_TRIALS = 500;
const TOLERANCE = 0.1;

const MIN_FAILURE_TIME_MS = 40;
const PASSWORD = 'correct horse';
const GENEROUS = { failures: 1_000_000 };

/** About ten milliseconds, which stand out from all else that a login takes. */
const SLOW_ARGON2 = argon2(PASSWORD, { memoryCost: 8192, timeCost: 2, parallelism: 1 });
const FAST_BCRYPT = bcrypt(PASSWORD, 4);
const SLOW_BCRYPT = bcrypt(PASSWORD, 7);

const ALIKE = {
  ann: { password_hash: SLOW_ARGON2 },
  eve: { password_hash: SLOW_ARGON2, disabled: true },
};

type Attempt = () => Promise<unknown>;

interface Credentials {
  readonly username: string;
  readonly password: string;
}

function start(context: TestContext, users: object, minFailureTimeMs: number, settings: Settings = {}) {
  const file = join(mkdtempSync(join(tmpdir(), 'postern-users-')), 'users.yaml');
  writeFileSync(file, stringify(users), { mode: 0o600 });
  return startGateway(context, {
    tokens: { signing: { algorithm: 'ES256' } },
    users: { staff: { type: 'file', path: file } },
    login_limits: {
      min_failure_time: `${minFailureTimeMs}ms`,
      user_and_address: GENEROUS,
      user: GENEROUS,
      address: GENEROUS,
      client: GENEROUS,
    },
    ...settings,
  });
}

const failedLogins = {
  'an unknown user': { username: 'nobody', password: PASSWORD },
  'a wrong password': { username: 'ann', password: 'wrong' },
  'a disabled user': { username: 'eve', password: PASSWORD },
  'an overlong password': { username: 'ann', password: 'x'.repeat(5000) },
} satisfies Record<string, Credentials>;

function attempts(gateway: RunningGateway, logins: Record<string, Credentials>): Record<string, Attempt> {
  const attempt = (login: Credentials) => () => requestToken(gateway, { grant_type: 'password', ...login });
  return Object.fromEntries(Object.entries(logins).map(([kind, login]) => [kind, attempt(login)]));
}

/** The kinds take turns, so that what slows the machine down slows all of them down. */
async function compareTimes(context: TestContext, kinds: Record<string, Attempt>, trials = TRIALS): Promise<void> {
  const times = new Map(Object.keys(kinds).map((kind) => [kind, [] as number[]]));
  let told = '';
  for (let trial = 1; trial <= Math.max(trials, MOST_TRIALS); trial += 1) {
    for (const [kind, attempt] of Object.entries(kinds)) {
      const startedAt = performance.now();
      await attempt();
      times.get(kind)?.push(performance.now() - startedAt);
    }
    if (trial % trials > 0) continue;
    const medians = [...times].map(([kind, taken]) => ({ kind, median: median(taken) }));
    told = medians.map(({ kind, median }) => `${kind} ${median.toFixed(3)} ms`).join(', ');
    const [shortest, longest] = [Math.min, Math.max].map((pick) => pick(...medians.map(({ median }) => median)));
    if ((longest ?? 0) <= (shortest ?? 0) * (1 + TOLERANCE)) return context.diagnostic(`${trial} trials each: ${told}`);
  }
  assert.fail(`the times differ: ${told}`);
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

test('failed logins get one same answer', async (context) => {
  const gateway = await start(context, { ...ALIKE, bob: { password_hash: FAST_BCRYPT } }, 0);
  const rows: Record<string, Credentials> = {
    ...failedLogins,
    'a user with another scheme': { username: 'bob', password: 'wrong' },
    'an empty password': { username: 'ann', password: '' },
    'an empty password of an unknown user': { username: 'nobody', password: '' },
    'an empty username': { username: '', password: PASSWORD },
    'an overlong username': { username: 'x'.repeat(5000), password: PASSWORD },
    'a NUL in the password': { username: 'ann', password: `${PASSWORD}\0` },
    'a NUL in the username': { username: 'ann\0', password: PASSWORD },
    'another case of the username': { username: 'ANN', password: PASSWORD },
    'the name of a property': { username: '__proto__', password: PASSWORD },
    'the name of a method': { username: 'toString', password: PASSWORD },
  };
  const answers = new Map<string, string>();
  for (const [kind, login] of Object.entries(rows)) {
    const { status, headers, body } = await requestToken(gateway, { grant_type: 'password', ...login });
    const told = [...headers].filter(([name]) => name !== 'date' && name !== 'x-request-id');
    assert.equal(`${status} ${body.error}`, '400 invalid_grant', kind);
    answers.set(JSON.stringify([told, body]), kind);
  }
  assert.deepEqual([...answers.values()].length, 1, [...answers.keys()].join('\n'));
});

test('failed logins take one same time, whatever the scheme of a hash', async (context) => {
  const gateway = await start(context, { ...ALIKE, bob: { password_hash: FAST_BCRYPT } }, MIN_FAILURE_TIME_MS);
  const otherScheme = { username: 'bob', password: 'wrong' };
  await compareTimes(context, attempts(gateway, { ...failedLogins, 'a user with another scheme': otherScheme }));
});

test('failed logins take one same time even without min_failure_time, where all hashes are alike', async (context) => {
  const gateway = await start(context, ALIKE, 0);
  await compareTimes(context, attempts(gateway, failedLogins));
});

const client = (id: string, secret: object) => ({
  id,
  auth: 'client_secret_basic',
  ...secret,
  grants: ['password'],
  scopes: ['read'],
});

const asClient = (gateway: RunningGateway, id: string) => () =>
  requestToken(gateway, { grant_type: 'x' }, { Authorization: `Basic ${btoa(`${id}:wrong`)}` });

test('an unknown client takes as long as a wrong secret', async (context) => {
  const clients = ['web', 'app'].map((id) => client(id, { secret_hash: SLOW_BCRYPT }));
  const gateway = await start(context, ALIKE, 0, { clients });
  const ids = ['web', 'app', 'nobody'];
  await compareTimes(context, Object.fromEntries(ids.map((id) => [id, asClient(gateway, id)])));
});

test('where secrets are compared in different times, so are those of unknown clients', async (context) => {
  const clients = [client('slow', { secret_hash: SLOW_BCRYPT }), client('fast', { secret: 'rosebud' })];
  const gateway = await start(context, ALIKE, 0, { clients });
  const quickest = async (id: string) => {
    const times: number[] = [];
    for (let trial = 0; trial < 3; trial += 1) {
      const startedAt = performance.now();
      await asClient(gateway, id)();
      times.push(performance.now() - startedAt);
    }
    return Math.min(...times);
  };
  await quickest('slow');
  const between = ((await quickest('slow')) + (await quickest('fast'))) / 2;
  const unknown: number[] = [];
  for (let index = 0; index < 20; index += 1) unknown.push(await quickest(`nobody-${index}`));
  assert.ok(unknown.some((ms) => ms > between) && unknown.some((ms) => ms < between), `${between}: ${unknown}`);
});
