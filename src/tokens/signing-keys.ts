import { withCause } from '../errors.ts';
import type { KeySet } from './key-set.ts';
import type { KeySource } from './key-source.ts';

export interface KeyEvents {
  /** Other keys than before are published, or another one signs. */
  onChange(keys: KeySet): void;
  /** The keys could not be read again, told once for each cause; those that were read before stay in use. */
  onProblem(error: Error): void;
}

const LONGEST_REFRESH_MS = 5000;

/**
 * The keys that tokens are signed and verified with. They are read again every few seconds, however few the requests
 * are, and never because of what a token says.
 *
 * A store that is out when the gateway starts is no reason not to start: the keys are asked for again with the next
 * request that needs them, and until then that request is refused as unavailable.
 */
export class SigningKeys {
  readonly #source: KeySource;
  readonly #events: KeyEvents;
  readonly #refreshEveryMs: number;
  #current: KeySet | undefined;
  #refreshing: Promise<KeySet> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;
  #lastProblem: Error | undefined;

  /** @param overlapMs how long before it signs a key is published, and so has to be known to every gateway. */
  constructor(source: KeySource, overlapMs: number, events: KeyEvents) {
    this.#source = source;
    this.#events = events;
    this.#refreshEveryMs = Math.min(LONGEST_REFRESH_MS, overlapMs / 4);
  }

  /** The keys, once they have been read; undefined before. */
  get loaded(): KeySet | undefined {
    return this.#current;
  }

  /** @throws GatewayError `temporarily_unavailable` while the store that has the keys is out, Error when they cannot be used. */
  async load(): Promise<KeySet> {
    return this.#current ?? this.#refresh();
  }

  /**
   * As `reload`, but a first key is left to be made while the gateway starts: RSA takes as long as all else of a start, and
   * only who needs the key has to wait for it.
   */
  async open(): Promise<void> {
    const hasNone = this.#current === undefined && (await this.#source.isEmpty().catch(() => false)); // Reading tells why.
    const read = this.reload();
    if (!hasNone) return read;
    read.catch((error) => this.#report(error));
  }

  /** Reads the keys as they are now. @throws as `load`, also where keys that were read before stay in use. */
  async reload(): Promise<void> {
    await this.#refreshing?.catch(() => {});
    await this.#refresh();
    if (this.#lastProblem) throw this.#lastProblem;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#refreshing?.catch(() => {});
  }

  #refresh(): Promise<KeySet> {
    clearTimeout(this.#timer);
    this.#refreshing ??= this.#read().finally(() => {
      this.#refreshing = undefined;
      this.#scheduleRefresh();
    });
    return this.#refreshing;
  }

  async #read(): Promise<KeySet> {
    try {
      await this.#source.refresh();
      this.#lastProblem = undefined;
    } catch (error) {
      if (this.#current === undefined) throw error;
      this.#report(error as Error);
    }
    return this.#use(this.#source.current());
  }

  #use(keys: KeySet): KeySet {
    const changed = this.#current === undefined || describe(keys) !== describe(this.#current);
    this.#current = keys;
    if (changed) this.#events.onChange(keys);
    return keys;
  }

  #report(error: Error): void {
    const isKnown = this.#lastProblem !== undefined && withCause(error) === withCause(this.#lastProblem);
    if (!isKnown) this.#events.onProblem(error);
    this.#lastProblem = error;
  }

  /** Not all gateways at the same moment. */
  #scheduleRefresh(): void {
    if (this.#isClosed) return;
    const delayMs = this.#refreshEveryMs * (0.75 + Math.random() / 4);
    this.#timer = setTimeout(() => void this.#refresh().catch((error) => this.#report(error)), delayMs).unref();
  }
}

function describe({ signing, byId }: KeySet): string {
  return [signing.kid, ...byId.keys()].join(' ');
}
