import type { StoreConfig } from '../config/schema.ts';
import { MemoryStore } from './memory.ts';
import type { StoreStateListener } from './redis.ts';
import type { Store } from './store.ts';

/** The store that `store` in gateway.yaml asks for: Redis, or without `redis` the embedded one. */
export async function openStore(config: StoreConfig, onStateChange?: StoreStateListener): Promise<Store> {
  const { redis } = config;
  if (redis === undefined) return new MemoryStore();
  const { RedisStore } = await import('./redis.ts');
  return new RedisStore({ ...config, redis }, onStateChange);
}
