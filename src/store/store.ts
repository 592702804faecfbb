/**
 * What is kept between requests: refresh-token families, login attempts, used assertions, signing keys.
 *
 * A store does one thing: it runs scripts. Every change that takes more than one step is one script, so it is
 * atomic on one gateway and on many that share a Redis.
 */
export interface Store {
  /**
   * Runs `script` on `keys`, which must share one `{hash tag}` (Redis Cluster keeps a script on one slot).
   * The store puts its key prefix before each key.
   *
   * @throws GatewayError `temporarily_unavailable` when the store does not answer within `store.timeout`.
   */
  run<Reply>(script: Script<Reply>, keys: readonly string[], args?: readonly (string | number)[]): Promise<Reply>;
  /** Resolves if the store answers. @throws as `run` does. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** One atomic change, written twice: for Redis, and for the embedded store. A contract suite holds the two together. */
export interface Script<Reply> {
  readonly name: string;
  /** Sees `KEYS` (prefixed) and `ARGV`. Takes the time from `redis.call('TIME')`, so that all gateways agree. */
  readonly lua: string;
  /** The same on the embedded store. Runs to its end without awaiting, so it is as atomic as the Lua. */
  embedded(entries: Entries, keys: readonly string[], args: readonly string[], nowMs: number): Reply;
}

/** The embedded store's entries: values that expire, at most a fixed number of them. */
export interface Entries {
  get<Value>(key: string): Value | undefined;
  /** @throws GatewayError `temporarily_unavailable` when the store is full of entries that have not expired. */
  set(key: string, value: unknown, ttlMs: number): void;
  delete(key: string): void;
}
