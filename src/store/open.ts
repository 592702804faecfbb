import type { StoreConfig } from '../config/schema.ts';
import { MemoryStore } from './memory.ts';
import { RedisStore, type StoreStateListener } from './redis.ts';
import type { Store } from './store.ts';

/** The store that `store` in gateway.yaml asks for: Redis, or without `redis` the embedded one. */
export function openStore(config: StoreConfig, onStateChange?: StoreStateListener): Store {
  const { redis } = config;
  return redis === undefined ? new MemoryStore() : new RedisStore({ ...config, redis }, onStateChange);
}
