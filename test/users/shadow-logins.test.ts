import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { hashSync } from 'bcryptjs';
import { unavailable } from '../../src/errors.ts';
import type { ShadowLogin } from '../../src/observe/user-store-events.ts';
import type { UserStore, Verdict } from '../../src/users/user-store.ts';
import { UserStores } from '../../src/users/user-stores.ts';
import { login, PASSWORD, startGateway } from '../support/gateway.ts';

const user = { sub: 'john', username: 'john', attributes: {} };

type Outcome = Verdict['outcome'] | 'unavailable';

/** A store that says the same to everyone, once it is let go. */
function always(outcome: Outcome, until: Promise<void> = Promise.resolve()): UserStore {
  return {
    verify: async () => {
      await until;
      if (outcome === 'unavailable') throw unavailable(new Error('out'));
      return outcome === 'accepted' ? { outcome, user } : { outcome };
    },
    decoy: async () => {},
    close: async () => {},
  };
}

const BASE = { optional: false, continue_on_reject: false };
const POLICIES = { old: { ...BASE, shadow: 'new' }, new: BASE };

function open(old: UserStore, shadow: UserStore) {
  const seen: ShadowLogin[] = [];
  const stores = new Map([
    ['old', old],
    ['new', shadow],
  ]);
  const events = { warn: () => {}, shadowed: (login: ShadowLogin) => seen.push(login) };
  return { users: new UserStores(stores, POLICIES, events), seen };
}

const COMPARISONS: readonly [verdict: Outcome, shadow: Outcome, outcome: ShadowLogin['outcome'] | undefined][] = [
  ['accepted', 'accepted', 'agree'],
  ['accepted', 'rejected', 'disagree_rejected'],
  ['accepted', 'unknown', 'disagree_rejected'],
  ['accepted', 'unavailable', 'unavailable'],
  ['rejected', 'accepted', 'disagree_accepted'],
  ['rejected', 'rejected', 'agree'],
  ['rejected', 'unknown', 'agree'],
  ['unknown', 'accepted', 'disagree_accepted'],
  ['unknown', 'unknown', 'agree'],
  ['unavailable', 'accepted', undefined],
];
for (const [verdict, shadow, outcome] of COMPARISONS) {
  test(`${verdict}, and ${shadow} by the shadow: the answer is the first one’s, and told is ${outcome ?? 'nothing'}`, async () => {
    const { users, seen } = open(always(verdict), always(shadow));
    const answer = await users.verify('john', 'x').catch(() => ({ outcome: 'unavailable' }));
    assert.equal(answer.outcome, verdict);
    await users.close();
    assert.deepEqual(
      seen.map((login) => login.outcome),
      outcome === undefined ? [] : [outcome],
    );
    const told = seen.map(({ store, shadow: second, username }) => [store, second, username].join());
    assert.deepEqual(told, outcome === undefined ? [] : ['old,new,john']);
  });
}

test('a shadow delays no answer; while it is slow, 64 logins wait for it and more are dropped', async () => {
  let letGo = () => {};
  const until = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  const { users, seen } = open(always('accepted'), always('accepted', until));
  for (let count = 0; count < 70; count += 1) assert.equal((await users.verify('john', 'x')).outcome, 'accepted');
  assert.deepEqual(
    seen.map(({ outcome }) => outcome),
    Array(5).fill('dropped'),
  );
  letGo();
  while (seen.length < 70) await sleep(1);
  assert.equal(seen.filter(({ outcome }) => outcome === 'agree').length, 65);
  await users.close();
});

test('a shadow is not in the order of stores unless it is named', async () => {
  const { users } = open(always('unknown'), always('accepted'));
  assert.equal((await users.verify('john', 'x')).outcome, 'unknown');
  assert.equal((await users.verify('john', 'x', ['old', 'new'])).store, 'new');
  await users.close();
});

test('disagreements are counted and logged with both verdicts, and without a password', async (context) => {
  const gateway = await startGateway(
    context,
    {
      users: {
        staff: { type: 'file', path: 'users.yaml', shadow: 'moved' },
        moved: { type: 'file', path: 'moved.htpasswd' },
      },
    },
    (config) => {
      const lines = [`ann:${hashSync('another password', 4)}`, `bob:${hashSync(PASSWORD, 4)}`];
      writeFileSync(join(config.directory, 'moved.htpasswd'), lines.join('\n'));
      return config;
    },
  );
  const LOGINS: readonly [form: Record<string, string>, status: number][] = [
    [{ username: 'ann' }, 200],
    [{ username: 'ann', password: 'another password' }, 400],
    [{ username: 'bob' }, 200],
  ];
  for (const [form, status] of LOGINS) assert.equal((await login(gateway, form)).status, status);
  const count = (outcome: string) => `postern_shadow_logins_total{store="staff",shadow="moved",outcome="${outcome}"} 1`;
  let metrics = '';
  while (!metrics.includes(count('agree'))) metrics = await (await fetch(`${gateway.adminUrl}/metrics`)).text();
  assert.ok(metrics.includes(count('disagree_rejected')));
  assert.ok(metrics.includes(count('disagree_accepted')));
  const told = gateway.records.filter(({ msg }) => msg === 'shadow login');
  assert.deepEqual(
    told.map(({ username, verdict, shadow_verdict }) => [username, verdict, shadow_verdict]),
    [
      ['ann', 'accepted', 'rejected'],
      ['ann', 'rejected', 'accepted'],
    ],
  );
  assert.doesNotMatch(JSON.stringify(gateway.records), /another password|correct horse/);
});
