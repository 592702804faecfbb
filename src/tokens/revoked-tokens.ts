import type { JWTPayload } from 'jose';
import { GatewayError, unavailable } from '../errors.ts';
import type { Store } from '../store/store.ts';
import { DENY, READ_DENIALS } from './revocation-scripts.ts';

const KEY = 'revoked-tokens';
/** Denials that the store keeps at once. When there are as many, revoking is unavailable: none is ever forgotten. */
const LIMIT = 100_000;
const PAGE = 1000;
/** Between two questions to the store; with the time that it may take to answer, within a second. */
const INTERVAL_MS = { atLeast: 400, jitter: 100 };
/** A token is good a little after its `exp`, clocks differ, and one may just be being signed when its session ends. */
const SLACK_MS = 60_000;

/**
 * The access tokens of ours that are denied before they expire, by their `jti` or, where a session ended, by its `sid`.
 *
 * Every gateway has them all in memory and asks the store twice a second for new ones, so that a request costs no round
 * trip. While the store is out, what is known stays denied.
 */
export class RevokedTokens {
  readonly #store: Store;
  readonly #limit: number;
  readonly #onProblem: (error: unknown) => void;
  readonly #deniedUntilMs = new Map<string, number>();
  #longestLifetimeMs = 0;
  #lastSequence = '0';
  #isKnown = false;
  #isFailing = false;
  #isClosed = false;
  #timer: NodeJS.Timeout | undefined;

  /** @param onProblem is told when the store could not be asked, and not again until it could. */
  constructor(store: Store, onProblem: (error: unknown) => void = () => {}, limit = LIMIT) {
    this.#store = store;
    this.#limit = limit;
    this.#onProblem = onProblem;
  }

  /** Whether all that was revoked before this gateway started is known. */
  get isKnown(): boolean {
    return this.#isKnown;
  }

  /**
   * Tells how long an access token may live: so long one of an ended session may still be about. It stays with the longest,
   * for tokens outlive the configuration by which they were made.
   */
  expect(lifetimeMs: number): void {
    this.#longestLifetimeMs = Math.max(this.#longestLifetimeMs, lifetimeMs);
  }

  /**
   * To be asked about tokens of ours alone: another issuer's may have the same `jti`.
   *
   * @throws GatewayError `invalid_token` for the claims of one that was revoked.
   */
  refuse({ jti, sid }: JWTPayload): void {
    if (!this.#isDenied(jti) && !this.#isDenied(sid)) return;
    throw new GatewayError('invalid_token', { cause: new Error('the access token was revoked') });
  }

  /** Denies a token of ours from now on, here at once and everywhere within a second. @throws GatewayError as `Store`. */
  async revoke({ jti, exp }: JWTPayload): Promise<void> {
    if (jti === undefined || exp === undefined) return;
    await this.#deny(jti, exp * 1000 - Date.now() + SLACK_MS);
  }

  /** Denies all tokens with this `sid`. @throws GatewayError as `Store`. */
  async revokeSession(sid: string): Promise<void> {
    await this.#deny(sid, this.#longestLifetimeMs + SLACK_MS);
  }

  /**
   * Learns what was revoked so far, and from then on what is new, until `close`. Resolves when the store was asked for
   * the first time, whether it answered or not: a store that is out is asked again.
   */
  async follow(): Promise<void> {
    try {
      await this.#learn();
      this.#isFailing = false;
    } catch (error) {
      if (!this.#isFailing) this.#onProblem(error);
      this.#isFailing = true;
    }
    if (this.#isClosed) return;
    const interval = INTERVAL_MS.atLeast + Math.random() * INTERVAL_MS.jitter;
    this.#timer = setTimeout(() => void this.follow(), interval).unref();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  async #learn(): Promise<void> {
    this.#forgetEnded();
    let page: readonly string[];
    do {
      page = await this.#store.run(READ_DENIALS, [KEY], [this.#lastSequence, PAGE]);
      for (const denial of page) this.#note(denial);
    } while (page.length === PAGE && !this.#isClosed);
    this.#isKnown = true;
  }

  #note(denial: string): void {
    const [id = '', endsAtMs, sequence = ''] = denial.split(' ');
    this.#deniedUntilMs.set(id, Number(endsAtMs));
    this.#lastSequence = sequence;
  }

  async #deny(id: string, ttlMs: number): Promise<void> {
    const outcome = await this.#store.run(DENY, [KEY], [id, ttlMs, this.#limit]);
    if (outcome === 'full') throw unavailable(new Error(`${this.#limit} revoked tokens are kept already`));
    this.#deniedUntilMs.set(id, Date.now() + ttlMs);
  }

  #isDenied(id: unknown): boolean {
    return (this.#deniedUntilMs.get(String(id)) ?? 0) > Date.now();
  }

  #forgetEnded(): void {
    const nowMs = Date.now();
    for (const [id, untilMs] of this.#deniedUntilMs) if (untilMs <= nowMs) this.#deniedUntilMs.delete(id);
  }
}
