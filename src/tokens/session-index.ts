import { LUA_NOW } from '../store/lua.ts';
import type { Script, Store } from '../store/store.ts';
import { usernameHash } from '../store/username-hash.ts';

/** Which sessions a user has: a sorted set in Redis, this record in the embedded store, by when each ends at the latest. */
type Ends = Readonly<Record<string, number>>;

/** Beyond these, each login ends the session that has the least time left, so that the list of a user is always whole. */
const SESSIONS_PER_USER = 1000;

/** Returns the ids that had to make room. ARGV: id, absolute lifetime in ms, how many a user may have. */
const ADD: Script<readonly string[]> = {
  name: 'session-index-add',
  lua: `${LUA_NOW}
local id, max_ttl, limit = unpack(ARGV)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('ZADD', KEYS[1], now + max_ttl, id)
redis.call('PEXPIRE', KEYS[1], math.max(redis.call('PTTL', KEYS[1]), max_ttl))
local excess = redis.call('ZCARD', KEYS[1]) - limit
if excess <= 0 then return {} end
local outnumbered = redis.call('ZRANGE', KEYS[1], 0, excess - 1)
redis.call('ZREM', KEYS[1], unpack(outnumbered))
return outnumbered`,
  embedded(entries, [key = ''], [id = '', maxTtl, limit], nowMs) {
    const known = Object.entries(entries.get<Ends>(key) ?? {}).filter(([, endsAtMs]) => endsAtMs > nowMs);
    const all = [...known, [id, nowMs + Number(maxTtl)] as const].sort(([, a], [, b]) => a - b);
    const kept = all.slice(Math.max(0, all.length - Number(limit)));
    entries.set(key, Object.fromEntries(kept), (kept.at(-1)?.[1] ?? nowMs) - nowMs);
    return all.slice(0, all.length - kept.length).map(([outnumbered]) => outnumbered);
  },
};

const LIST: Script<readonly string[]> = {
  name: 'session-index-list',
  lua: `return redis.call('ZRANGE', KEYS[1], 0, -1)`,
  embedded: (entries, [key = '']) => Object.keys(entries.get<Ends>(key) ?? {}),
};

/** ARGV: ids. */
const REMOVE: Script<null> = {
  name: 'session-index-remove',
  lua: `redis.call('ZREM', KEYS[1], unpack(ARGV)) return nil`,
  embedded(entries, [key = ''], ids, nowMs) {
    const left = Object.entries(entries.get<Ends>(key) ?? {}).filter(([id]) => !ids.includes(id));
    if (left.length === 0) entries.delete(key);
    else entries.set(key, Object.fromEntries(left), Math.max(...left.map(([, endsAtMs]) => endsAtMs)) - nowMs);
    return null;
  },
};

/**
 * Finds the sessions of a user. An id stays in it when its session ends early: who finds nothing behind one removes it.
 * A session is in a slot of its own in Redis Cluster, so the two cannot change in one script.
 */
export class SessionIndex {
  readonly #store: Store;
  readonly #limit: number;

  constructor(store: Store, limit = SESSIONS_PER_USER) {
    this.#store = store;
    this.#limit = limit;
  }

  /** @returns the sessions that have to end for it. */
  add(username: string, id: string, maxTtlMs: number): Promise<readonly string[]> {
    return this.#store.run(ADD, keysOf(username), [id, maxTtlMs, this.#limit]);
  }

  /** The one that has the least time left is first. */
  list(username: string): Promise<readonly string[]> {
    return this.#store.run(LIST, keysOf(username));
  }

  async remove(username: string, ids: readonly string[]): Promise<void> {
    if (ids.length > 0) await this.#store.run(REMOVE, keysOf(username), ids);
  }
}

function keysOf(username: string): readonly string[] {
  return [`sessions:${usernameHash(username)}`];
}
