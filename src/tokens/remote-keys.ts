import {
  type CryptoKey,
  createLocalJWKSet,
  createRemoteJWKSet,
  customFetch,
  errors,
  type JWK,
  type JWSHeaderParameters,
  type LocalJWKSet,
} from 'jose';
import { GatewayError, unavailable } from '../errors.ts';
import { type FetchInit, fetchDocument } from './fetch-document.ts';

const TIMEOUT_MS = 2000;
/** How long keys are used before they are fetched again. */
const FRESH_MS = 10 * 60_000;
/** How long keys are used before a token that names none of them has them fetched again. */
const COOLDOWN_MS = 30_000;
/** How long a failed fetch is answered for, before there is another one. */
const RETRY_AFTER_MS = 5000;
/** How long keys are used on while they cannot be fetched again. */
const KEPT_MS = 60 * 60_000;

/**
 * The keys behind a `jwks_uri` (RFC 7517 §5). They are fetched when somebody needs them, once however many do. jose keeps
 * them fresh; what it lacks is here: a failure is remembered, and good keys outlive it.
 */
export class RemoteKeys {
  readonly #source: KeySource;
  readonly #fresh: RemoteJWKSet;

  /**
   * @param onFailure told why, each time that keys could not be fetched; as long as older ones do, nobody else is.
   * @param fetchKeys gets the text of the JWKS, where it is not simply behind `url`.
   */
  constructor(
    url: string,
    onFailure: (cause: unknown) => void,
    fetchKeys: FetchKeys = (init) => fetchDocument(url, init),
  ) {
    const source = new KeySource(fetchKeys, onFailure);
    this.#source = source;
    this.#fresh = createRemoteJWKSet(new URL(url), {
      timeoutDuration: TIMEOUT_MS,
      cacheMaxAge: FRESH_MS,
      cooldownDuration: COOLDOWN_MS,
      [customFetch]: (_, init) => source.fetch(init),
    });
  }

  /**
   * The key that a token's header names. @throws GatewayError `temporarily_unavailable` when the keys cannot be had, and an
   * error of jose's when they are there, but the token's is not among them.
   */
  async find(header: JWSHeaderParameters): Promise<CryptoKey> {
    try {
      return await this.#fresh(header);
    } catch (error) {
      if (error instanceof GatewayError) return this.#source.findKept(header, error);
      // What is neither an outage nor a verdict of jose's is a published key that is none.
      throw error instanceof errors.JOSEError ? error : unavailable(error);
    }
  }

  /**
   * Whether one of the keys is the one that is sought. As with tokens, they are fetched again for one that is not there,
   * but not at once after they were. @throws GatewayError `temporarily_unavailable` when they cannot be had.
   */
  async some(isSought: (jwk: JWK) => boolean): Promise<boolean> {
    const isThere = () => this.#source.keys.some(isSought);
    try {
      if (!this.#fresh.fresh || (!isThere() && !this.#fresh.coolingDown)) await this.#fresh.reload();
      return isThere();
    } catch (error) {
      if (isThere()) return true;
      throw error instanceof GatewayError ? error : unavailable(error);
    }
  }
}

type RemoteJWKSet = ReturnType<typeof createRemoteJWKSet>;
type FetchKeys = (init: FetchInit) => Promise<string>;

class KeySource {
  readonly #fetchKeys: FetchKeys;
  readonly #onFailure: (cause: unknown) => void;
  #kept: { readonly find: LocalJWKSet; readonly fetchedAtMs: number } | undefined;
  #failure: { readonly error: GatewayError; readonly atMs: number } | undefined;

  constructor(fetchKeys: FetchKeys, onFailure: (cause: unknown) => void) {
    this.#fetchKeys = fetchKeys;
    this.#onFailure = onFailure;
  }

  /** As they were last fetched; none when that is too long ago. */
  get keys(): readonly JWK[] {
    return this.#kept && isWithin(KEPT_MS, this.#kept.fetchedAtMs) ? this.#kept.find.jwks().keys : [];
  }

  async fetch(init: FetchInit): Promise<Response> {
    if (this.#failure && isWithin(RETRY_AFTER_MS, this.#failure.atMs)) throw this.#failure.error;
    try {
      const document = await this.#fetchKeys(init);
      this.#kept = { find: createLocalJWKSet(JSON.parse(document)), fetchedAtMs: Date.now() };
      return new Response(document);
    } catch (cause) {
      this.#failure = { error: unavailable(cause), atMs: Date.now() };
      this.#onFailure(cause);
      throw this.#failure.error;
    }
  }

  /** A token that names none of the kept keys may well name one that is newer: there is no verdict on it. */
  async findKept(header: JWSHeaderParameters, outage: GatewayError): Promise<CryptoKey> {
    if (!this.#kept || !isWithin(KEPT_MS, this.#kept.fetchedAtMs)) throw outage;
    try {
      return await this.#kept.find(header);
    } catch (error) {
      throw error instanceof errors.JWKSNoMatchingKey ? outage : error;
    }
  }
}

function isWithin(durationMs: number, sinceMs: number): boolean {
  return Date.now() < sinceMs + durationMs;
}
