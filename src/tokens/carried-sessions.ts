import { hkdfSync } from 'node:crypto';
import { CompactEncrypt, compactDecrypt, errors, type JWTPayload } from 'jose';
import type { TokensConfig } from '../config/schema.ts';
import { GatewayError } from '../errors.ts';
import type { Store } from '../store/store.ts';
import { SharedSecret } from './shared-secret.ts';

/** The session that a login has opened in the application that knows the user. */
export interface CarriedSession {
  /** The name of the user store that has opened it. */
  readonly store: string;
  /** What `carry` of that store has read from the login, by the names that it gives. */
  readonly values: Readonly<Record<string, string>>;
}

/**
 * Seals the sessions of applications, so that access tokens (their claim `carry`) and families of refresh tokens can hold
 * them: a JWE in the compact serialisation (RFC 7516), which only gateways on one store can open. With `encryption_key`
 * it takes that key too, so that who reads the store has nothing to open them with.
 */
export class CarriedSessions {
  readonly #issuer: string;
  readonly #secret: SharedSecret;
  readonly #salt: Uint8Array;
  /** By the claims of the token, which the verifier remembers: a token that is used again costs a look-up. */
  readonly #opened = new WeakMap<JWTPayload, CarriedSession>();

  constructor(store: Store, { issuer, signing }: Pick<TokensConfig, 'issuer' | 'signing'>) {
    this.#issuer = issuer;
    this.#secret = new SharedSecret(store, 'carried-sessions');
    this.#salt = signing.encryption_key ?? new Uint8Array();
  }

  /** @throws GatewayError `temporarily_unavailable` as long as the store has never answered. */
  async seal(session: CarriedSession): Promise<string> {
    return new CompactEncrypt(new TextEncoder().encode(JSON.stringify(session)))
      .setProtectedHeader({ alg: 'dir', enc: 'A256GCM' })
      .encrypt(await this.#key());
  }

  /** @returns undefined for what was sealed by gateways on another store. @throws GatewayError as `seal` does. */
  async open(sealed: string): Promise<CarriedSession | undefined> {
    const key = await this.#key();
    try {
      const { plaintext } = await compactDecrypt(sealed, key, {
        keyManagementAlgorithms: ['dir'],
        contentEncryptionAlgorithms: ['A256GCM'],
      });
      return JSON.parse(new TextDecoder().decode(plaintext));
    } catch (error) {
      if (error instanceof errors.JOSEError) return undefined;
      throw error;
    }
  }

  /** What the claims of a token carry, sealed; undefined where they carry nothing, or are another issuer's. */
  sealedIn({ iss, carry }: JWTPayload): string | undefined {
    return iss === this.#issuer && typeof carry === 'string' ? carry : undefined;
  }

  /**
   * The session that a verified token carries; undefined where it carries none.
   *
   * @throws GatewayError `invalid_token` for a session that cannot be opened any more: its user has to log in again. As
   * `seal` does.
   */
  async ofToken(claims: JWTPayload): Promise<CarriedSession | undefined> {
    const sealed = this.sealedIn(claims);
    if (sealed === undefined) return undefined;
    const session = this.#opened.get(claims) ?? (await this.open(sealed));
    if (session === undefined) {
      throw new GatewayError('invalid_token', {
        cause: new Error('its session was sealed by gateways on another store'),
      });
    }
    this.#opened.set(claims, session);
    return session;
  }

  async #key(): Promise<Uint8Array> {
    return new Uint8Array(hkdfSync('sha256', await this.#secret.get(), this.#salt, 'postern carried sessions', 32));
  }
}
