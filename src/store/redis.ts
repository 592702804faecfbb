import { createHash } from 'node:crypto';
import { Redis, ReplyError } from 'ioredis';
import type { StoreConfig } from '../config/schema.ts';
import { unavailable } from '../errors.ts';
import type { Script, Store } from './store.ts';

export type StoreState = 'up' | 'down';

/** Told of each change, and of the first state. `cause` is why the store went down, where that is known. */
export type StoreStateListener = (state: StoreState, cause?: unknown) => void;

export type RedisStoreConfig = StoreConfig & { readonly redis: string };

const LONGEST_RECONNECT_DELAY_MS = 500;

/** What gateways share through Redis. Never hangs: what Redis does not answer within `timeout` is an outage. */
export class RedisStore implements Store {
  readonly #redis: Redis;
  readonly #config: RedisStoreConfig;
  readonly #firstAttempt: Promise<void>;
  #isOpen = true;
  readonly #shas = new WeakMap<Script<unknown>, string>();

  constructor(config: RedisStoreConfig, onStateChange: StoreStateListener = () => {}) {
    this.#config = config;
    this.#redis = connect(config);
    this.#firstAttempt = firstAttempt(this.#redis);
    reportState(this.#redis, (state, cause) => this.#isOpen && onStateChange(state, cause));
  }

  async run<Reply>(script: Script<Reply>, keys: readonly string[], args: readonly (string | number)[] = []) {
    const operands = [...keys.map((key) => `${this.#config.key_prefix}:${key}`), ...args];
    return (await this.#answer(() => this.#evaluate(script, keys.length, operands))) as Reply;
  }

  async ping(): Promise<void> {
    await this.#answer(() => this.#redis.ping());
  }

  async close(): Promise<void> {
    // An end that was asked for is no outage.
    this.#isOpen = false;
    this.#redis.disconnect();
  }

  /** EVALSHA; a Redis that does not know the script (new, restarted, flushed) is sent it once. */
  async #evaluate(script: Script<unknown>, keyCount: number, operands: readonly (string | number)[]): Promise<unknown> {
    try {
      return await this.#redis.evalsha(this.#shaOf(script), keyCount, ...operands);
    } catch (error) {
      if (!isReply(error, 'NOSCRIPT')) throw error;
      return this.#redis.eval(script.lua, keyCount, ...operands);
    }
  }

  #shaOf(script: Script<unknown>): string {
    const known = this.#shas.get(script);
    if (known !== undefined) return known;
    const sha = createHash('sha1').update(script.lua).digest('hex');
    this.#shas.set(script, sha);
    return sha;
  }

  /**
   * Waits for the first attempt to connect, so that a store can be used as soon as it is made. Later a Redis that is out
   * fails at once. The deadline holds over all steps, each of which ioredis bounds on its own.
   */
  async #answer<Reply>(command: () => Promise<Reply>): Promise<Reply> {
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<never>((_, reject) => {
      const late = new Error(`Redis did not answer within ${this.#config.timeout} ms`);
      timer = setTimeout(() => reject(late), this.#config.timeout);
    });
    try {
      return await Promise.race([this.#firstAttempt.then(command), deadline]);
    } catch (error) {
      throw outageOr(error);
    } finally {
      clearTimeout(timer);
    }
  }
}

function connect({ redis, timeout }: RedisStoreConfig): Redis {
  return new Redis(redis, {
    connectTimeout: timeout,
    commandTimeout: timeout,
    disconnectTimeout: timeout,
    // A connection on which nothing comes back any more is given up, not waited on until TCP notices.
    socketTimeout: 2 * timeout,
    // A script that was sent may have run: it is neither kept for later nor sent twice.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (attempt) => Math.min(attempt * 50, LONGEST_RECONNECT_DELAY_MS),
    // After a failover the old primary is a replica: connecting again finds the new one.
    reconnectOnError: (error) => isReply(error, 'READONLY'),
  });
}

/** Resolves once the first attempt to connect has ended, well or not. */
function firstAttempt(redis: Redis): Promise<void> {
  return new Promise((resolve) => {
    for (const event of ['ready', 'close', 'end']) redis.once(event, () => resolve());
  });
}

function reportState(redis: Redis, onStateChange: StoreStateListener): void {
  let reported: StoreState | undefined;
  let lastError: unknown;
  const report = (state: StoreState) => {
    if (state === reported) return;
    reported = state;
    onStateChange(state, state === 'down' ? lastError : undefined);
  };
  redis.on('error', (error) => {
    lastError = error;
  });
  redis.on('close', () => report('down'));
  redis.on('ready', () => {
    lastError = undefined;
    report('up');
  });
}

/** A script that Redis refuses as wrong is a fault of ours, thrown as it is; all else is Redis being out. */
function outageOr(error: unknown): unknown {
  return isReply(error, 'ERR') || isReply(error, 'WRONGTYPE') ? error : unavailable(error);
}

function isReply(error: unknown, code: string): error is Error {
  return error instanceof ReplyError && (error as Error).message.startsWith(`${code} `);
}
