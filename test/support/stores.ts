import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after } from 'node:test';
import { Redis } from 'ioredis';
import { MemoryStore } from '../../src/store/memory.ts';
import { RedisStore, type RedisStoreConfig } from '../../src/store/redis.ts';
import type { Store } from '../../src/store/store.ts';

export interface StoreKind {
  readonly name: string;
  /**
   * Each call gives another connection to the same data; the embedded store has no other and gives the same. A `part`
   * has data of its own.
   */
  open(part?: string): Store;
}

/** Keys of this test file's own, gone when it ends. */
const config: RedisStoreConfig = { redis: redisUrl(), key_prefix: `test:${randomUUID()}`, timeout: 2000 };
const embedded = new Map<string, Store>();
const opened: Store[] = [];

/** Every store there is: what holds for one has to hold for the other. */
export const stores: readonly StoreKind[] = [
  { name: 'the embedded store', open: openEmbedded },
  { name: 'Redis', open: openRedis },
];

function openEmbedded(part = ''): Store {
  const store = embedded.get(part) ?? new MemoryStore();
  embedded.set(part, store);
  return store;
}

function openRedis(part = ''): Store {
  const store = new RedisStore({ ...config, key_prefix: `${config.key_prefix}:${part}` });
  opened.push(store);
  return store;
}

function redisUrl(): string {
  const url = process.env.REDIS_URL;
  if (!url) throw new Error('REDIS_URL is not set: run the tests with `npm test`, or name a Redis in it');
  return url;
}

after(async () => {
  const redis = new Redis(config.redis);
  const keys = await redis.keys(`${config.key_prefix}:*`);
  const lifetimes = await Promise.all(keys.map((key) => redis.pttl(key)));
  if (keys.length > 0) await redis.del(...keys);
  redis.disconnect();
  await Promise.all([...embedded.values(), ...opened].map((store) => store.close()));
  assert.deepEqual(
    keys.filter((_, index) => lifetimes[index] === -1),
    [],
    'keys that would stay in Redis for ever',
  );
});
