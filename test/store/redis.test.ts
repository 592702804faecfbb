import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { RedisStore, type StoreState } from '../../src/store/redis.ts';
import type { Script, Store } from '../../src/store/store.ts';
import { type RunningRedis, startRedis } from '../support/redis.ts';

const TIMEOUT_MS = 300;

const COUNT: Script<number> = {
  name: 'count',
  lua: `return redis.call('INCR', KEYS[1])`,
  embedded: () => 0,
};

function open(test: TestContext, redis: string, onStateChange?: (state: StoreState, cause?: unknown) => void): Store {
  const store = new RedisStore({ redis, key_prefix: 'test', timeout: TIMEOUT_MS }, onStateChange);
  test.after(() => store.close());
  return store;
}

async function start(test: TestContext, port?: number): Promise<RunningRedis> {
  const redis = await startRedis(port);
  test.after(() => redis.stop());
  return redis;
}

/** Asserts that the store says so when it is out, in time. */
async function assertOut(store: Store): Promise<void> {
  const begunMs = performance.now();
  await assert.rejects(store.run(COUNT, ['out']), { code: 'temporarily_unavailable', status: 503 });
  const tookMs = performance.now() - begunMs;
  assert.ok(tookMs < TIMEOUT_MS + 100, `it took ${Math.round(tookMs)} ms`);
}

async function untilBack(store: Store): Promise<void> {
  const deadlineMs = performance.now() + 3000;
  for (;;) {
    try {
      return await store.ping();
    } catch (error) {
      if (performance.now() > deadlineMs) throw error;
      await delay(20);
    }
  }
}

describe('a store in Redis', () => {
  it('can be used as soon as it is made', async (test) => {
    const { url } = await start(test);
    assert.equal(await open(test, url).run(COUNT, ['a']), 1);
  });

  it('puts its prefix before each key', async (test) => {
    const { url } = await start(test);
    await open(test, url).run(COUNT, ['a']);
    const redis = new Redis(url);
    test.after(() => redis.disconnect());
    assert.deepEqual(await redis.keys('*'), ['test:a']);
  });

  it('sends a script again to a Redis that has forgotten it', async (test) => {
    const { url } = await start(test);
    const store = open(test, url);
    await store.run(COUNT, ['a']);
    const redis = new Redis(url);
    test.after(() => redis.disconnect());
    await redis.script('FLUSH');
    assert.equal(await store.run(COUNT, ['a']), 2);
  });

  it('answers 503 while Redis is stopped, and works again when it is back', async (test) => {
    const redis = await start(test);
    const states: StoreState[] = [];
    const store = open(test, redis.url, (state) => states.push(state));
    await store.run(COUNT, ['a']);
    await redis.stop();
    for (let attempt = 0; attempt < 5; attempt += 1) await assertOut(store);
    await start(test, redis.port);
    await untilBack(store);
    assert.equal(await store.run(COUNT, ['a']), 1);
    assert.deepEqual(states, ['up', 'down', 'up']);
  });

  it('answers 503 when there is no Redis from the start, and works when one comes', async (test) => {
    const redis = await start(test);
    await redis.stop();
    const causes: unknown[] = [];
    const store = open(test, redis.url, (state, cause) => causes.push([state, (cause as { code?: string })?.code]));
    await assertOut(store);
    await assert.rejects(store.ping(), { code: 'temporarily_unavailable' });
    await start(test, redis.port);
    await untilBack(store);
    assert.equal(await store.run(COUNT, ['a']), 1);
    assert.deepEqual(causes, [
      ['down', 'ECONNREFUSED'],
      ['up', undefined],
    ]);
  });

  it('answers 503 while Redis hangs, and works when it goes on', async (test) => {
    const redis = await start(test);
    const store = open(test, redis.url);
    await store.run(COUNT, ['a']);
    redis.process.kill('SIGSTOP');
    test.after(() => redis.process.kill('SIGCONT'));
    await Promise.all(Array.from({ length: 20 }, () => assertOut(store)));
    await delay(4 * TIMEOUT_MS);
    await assertOut(store);
    redis.process.kill('SIGCONT');
    await untilBack(store);
    assert.equal(await store.run(COUNT, ['a']), 2);
  });

  it('answers 503 when something else listens there that never answers', async (test) => {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => sockets.add(socket)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    test.after(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    const store = open(test, `redis://127.0.0.1:${(server.address() as AddressInfo).port}`);
    await assertOut(store);
    await Promise.all(Array.from({ length: 20 }, () => assertOut(store)));
  });

  it('answers 503 while Redis refuses writes or wants a password', async (test) => {
    const { url } = await start(test);
    const admin = new Redis(url);
    test.after(() => admin.disconnect());
    const store = open(test, url);
    await store.run(COUNT, ['a']);
    await admin.replicaof('127.0.0.1', 1);
    await assertOut(store);
    await admin.replicaof('NO', 'ONE');
    await untilBack(store);
    await admin.config('SET', 'requirepass', 'secret');
    await assertOut(open(test, url));
  });

  it('passes on the error of a script that is wrong, for that is no outage', async (test) => {
    const { url } = await start(test);
    const store = open(test, url);
    for (const lua of ['this is no Lua', `return redis.call('NOSUCH')`, `return missing.field`]) {
      await assert.rejects(store.run({ ...COUNT, lua }, ['a']), { name: 'ReplyError' });
    }
    await store.run(COUNT, ['a']);
    await assert.rejects(store.run({ ...COUNT, lua: `return redis.call('LPUSH', KEYS[1], 1)` }, ['a']), {
      name: 'ReplyError',
    });
  });

  it('answers 503 after it was closed', async (test) => {
    const { url } = await start(test);
    const store = open(test, url);
    await store.run(COUNT, ['a']);
    await store.close();
    await assertOut(store);
  });

  it('leaves nothing behind that keeps the process alive', async (test) => {
    const redis = await start(test);
    const gone = await start(test);
    await gone.stop();
    for (const url of [redis.url, gone.url]) {
      const program = `
        import { RedisStore } from './build/src/store/redis.js';
        const store = new RedisStore({ redis: '${url}', key_prefix: 'test', timeout: 300 });
        await store.ping().catch(() => {});
        await store.close();`;
      const args = ['--input-type=module', '--eval', program];
      const { status, stderr } = spawnSync(process.execPath, args, { timeout: 5000, encoding: 'utf8' });
      assert.deepEqual({ status, stderr }, { status: 0, stderr: '' });
    }
  });
});
