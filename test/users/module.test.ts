import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { ConfigError } from '../../src/config/problem.ts';
import { GatewayError } from '../../src/errors.ts';
import { ModuleUserStore, type UserModule } from '../../src/users/module.ts';
import { PEOPLE, userStoreContract } from './user-store.contract.ts';
import { TIMEOUT_MS, userStoreOutages } from './user-store.outages.ts';

const BOUNDS = { timeout: TIMEOUT_MS, concurrency: 4 };

/** The login service that the example asks. */
const intranet = createServer(async (request, response) => {
  const answer = (status: number, body: object = {}) => response.writeHead(status).end(JSON.stringify(body));
  const user = (name: string) => ({ id: `id of ${name}`, email: `${name}@example.com`, roles: ['agents'] });
  if (request.method === 'GET') {
    const name = decodeURIComponent(request.url?.replace('/users/', '') ?? '');
    return PEOPLE.has(name) ? answer(200, user(name)) : answer(404);
  }
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const { username, password } = JSON.parse(Buffer.concat(chunks).toString());
  if (!PEOPLE.has(username)) return answer(404);
  return PEOPLE.get(username) === password ? answer(200, user(username)) : answer(401);
});
await new Promise<void>((listening) => intranet.listen(0, '127.0.0.1', listening));
after(() => {
  intranet.close();
  intranet.closeAllConnections();
});
const { port } = intranet.address() as AddressInfo;

/** The example reads where the intranet is when it is loaded; the query makes each load one of its own. */
async function openExample(at: number): Promise<ModuleUserStore> {
  process.env.ACME_LOGIN_URL = `http://127.0.0.1:${at}`;
  const { default: example } = await import(`${resolve('examples/user-module.js')}?${at}`);
  return new ModuleUserStore(example, BOUNDS);
}

userStoreContract('the example of a module', () => openExample(port));
userStoreOutages('the example of a module', () => port, openExample, false);

describe('what a module may answer', () => {
  const ANSWERS: readonly [sentence: string, verify: () => unknown, expected: unknown][] = [
    ['accepted', () => ({ outcome: 'accepted' }), { sub: 'ann', username: 'ann' }],
    [
      'with attributes',
      () => ({ outcome: 'accepted', attributes: { sub: '7', roles: ['a'], username: 'other' } }),
      { sub: '7', roles: ['a'], username: 'ann' },
    ],
    ['rejected', async () => ({ outcome: 'rejected' }), 'rejected'],
    ['with a reason', () => ({ outcome: 'rejected', reason: 'locked' }), 'rejected: locked'],
    ['unknown', () => ({ outcome: 'unknown' }), 'unknown'],
    ['true', () => true, 'outage'],
    ['nothing', () => undefined, 'outage'],
    ['another outcome', () => ({ outcome: 'maybe' }), 'outage'],
    ['another reason', () => ({ outcome: 'rejected', reason: 'tuesday' }), 'outage'],
    ['a misspelt key', () => ({ outcome: 'accepted', atributes: {} }), 'outage'],
    ['a sub that is no text', () => ({ outcome: 'accepted', attributes: { sub: 7 } }), 'outage'],
    ['what JSON cannot hold', () => ({ outcome: 'accepted', attributes: { when: new Date() } }), 'outage'],
    ['a throw', () => assert.fail('broken'), 'outage'],
    ['a promise that fails', () => Promise.reject(new Error('broken')), 'outage'],
    ['silence', () => new Promise(() => {}), 'outage'],
  ];
  for (const [sentence, verify, expected] of ANSWERS) {
    test(`${sentence}: ${typeof expected === 'string' ? expected : 'accepted'}`, async () => {
      const store = new ModuleUserStore({ verify } as UserModule, BOUNDS);
      assert.deepEqual(await outcome(store), expected);
    });
  }

  test('a call that is given up is told so, and keeps nobody else from being asked', async () => {
    const signals: AbortSignal[] = [];
    let hangs = true;
    const module: UserModule = {
      verify: (_username, _password, { signal }) => {
        signals.push(signal);
        return hangs ? new Promise(() => {}) : { outcome: 'accepted' };
      },
    };
    const store = new ModuleUserStore(module, BOUNDS);
    await Promise.all(Array.from({ length: 8 }, async () => assert.equal(await outcome(store), 'outage')));
    assert.equal(signals.length, BOUNDS.concurrency);
    assert.ok(signals.every(({ aborted }) => aborted));
    hangs = false;
    assert.deepEqual(await outcome(store), { sub: 'ann', username: 'ann' });
  });

  test('who waits is asked in turn', async () => {
    let running = 0;
    let most = 0;
    const module: UserModule = {
      verify: async () => {
        running += 1;
        most = Math.max(most, running);
        await delay(5);
        running -= 1;
        return { outcome: 'unknown' };
      },
    };
    const store = new ModuleUserStore(module, BOUNDS);
    const outcomes = await Promise.all(Array.from({ length: 40 }, () => outcome(store)));
    assert.deepEqual([...new Set(outcomes)], ['unknown']);
    assert.equal(most, BOUNDS.concurrency);
  });

  test('without a lookup there is none, and an answer of a lookup is held to the same', async () => {
    const verify = () => ({ outcome: 'unknown' }) as const;
    assert.equal(new ModuleUserStore({ verify }, BOUNDS).lookup, undefined);
    const store = new ModuleUserStore({ verify, lookup: () => null } as unknown as UserModule, BOUNDS);
    await assert.rejects(store.lookup?.('ann') ?? Promise.resolve(), GatewayError);
  });
});

describe('what a module has to be', () => {
  let directory: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'postern-modules-'));
  });
  after(() => rm(directory, { recursive: true }));

  const MODULES: readonly [sentence: string, name: string, source: string | undefined, sound: boolean][] = [
    ['an ES module', 'sound.mjs', 'export default { verify() {} };', true],
    ['a class instance', 'class.mjs', 'export default new (class { verify() {} })();', true],
    ['a CommonJS module', 'sound.cjs', 'module.exports = { verify() {} };', true],
    ['a file that is not there', 'nowhere.mjs', undefined, false],
    ['a module that throws', 'throws.mjs', 'throw new Error("a\\nb");', false],
    ['a module with a mistake', 'syntax.mjs', 'export default {', false],
    ['one without a default export', 'bare.mjs', 'export function verify() {}', false],
    ['one without verify', 'other.mjs', 'export default { lookup() {} };', false],
    ['one whose lookup is no function', 'lookup.mjs', 'export default { verify() {}, lookup: 1 };', false],
  ];
  for (const [sentence, name, source, sound] of MODULES) {
    test(`${sentence} is ${sound ? 'loaded' : 'a problem of the configuration'}`, async () => {
      const path = join(directory, name);
      if (source !== undefined) await writeFile(path, source);
      const opening = ModuleUserStore.open(path, 'first', BOUNDS);
      if (sound) await opening;
      else await assert.rejects(opening, (error) => error instanceof ConfigError && !error.message.includes('\n'));
    });
  }
});

async function outcome(store: ModuleUserStore): Promise<unknown> {
  try {
    const verdict = await store.verify('ann', 'x');
    if (verdict.outcome === 'accepted') return verdict.user.attributes;
    return verdict.outcome === 'rejected' && verdict.reason ? `rejected: ${verdict.reason}` : verdict.outcome;
  } catch (error) {
    assert.ok(error instanceof GatewayError);
    return 'outage';
  }
}
