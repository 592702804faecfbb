import { randomUUID } from 'node:crypto';
import { SignJWT } from 'jose';
import type { TokensConfig } from '../config/schema.ts';
import { fillTemplates, type Template } from './claim-templates.ts';
import type { SigningKeys } from './signing-keys.ts';

/** Who a token is about, for whom and what for. */
export interface TokenGrant {
  readonly subject: string;
  readonly clientId: string;
  readonly scope: readonly string[];
  /** Undefined where a client acts on its own behalf. */
  readonly login: Login | undefined;
}

/** The login that a token rests on. */
export interface Login {
  /** What `{user.x}` reads. */
  readonly attributes: Readonly<Record<string, unknown>>;
  /** When the user last showed a password, in seconds since 1970. */
  readonly authTime: number;
  /** Of the refresh tokens that come from it; undefined where there are none. */
  readonly sessionId: string | undefined;
}

export class TokenMint {
  readonly #config: TokensConfig;
  readonly #keys: SigningKeys;

  constructor(config: TokensConfig, keys: SigningKeys) {
    this.#config = config;
    this.#keys = keys;
  }

  /** A JWT access token with the claims of RFC 9068 §2.2 and the mapped ones, good for `ttlMs`. */
  accessToken(grant: TokenGrant, ttlMs: number): Promise<string> {
    const { login } = grant;
    const claims = {
      ...fillTemplates(this.#config.claims as Record<string, Template>, login?.attributes),
      client_id: grant.clientId,
      scope: grant.scope.join(' '),
      ...(login && { auth_time: login.authTime }),
      ...(login?.sessionId && { sid: login.sessionId }),
      jti: randomUUID(),
    };
    return this.#sign(claims, { typ: 'at+jwt', subject: grant.subject, audience: this.#config.audience, ttlMs });
  }

  /** An ID token by OpenID Connect Core 1.0 §2, for the client to read: no API accepts it. */
  idToken(grant: TokenGrant, login: Login): Promise<string> {
    const claims = {
      ...fillTemplates(this.#config.id_token_claims as Record<string, Template>, login.attributes),
      auth_time: login.authTime,
    };
    const ttlMs = this.#config.id_token_ttl;
    return this.#sign(claims, { typ: 'JWT', subject: grant.subject, audience: grant.clientId, ttlMs });
  }

  async #sign(
    claims: Record<string, unknown>,
    token: { typ: string; subject: string; audience: string; ttlMs: number },
  ): Promise<string> {
    const { signing } = await this.#keys.load();
    const issuedAt = Math.floor(Date.now() / 1000);
    return new SignJWT(claims)
      .setProtectedHeader({ alg: signing.algorithm, kid: signing.kid, typ: token.typ })
      .setIssuer(this.#config.issuer)
      .setAudience(token.audience)
      .setSubject(token.subject)
      .setIssuedAt(issuedAt)
      .setExpirationTime(issuedAt + Math.ceil(token.ttlMs / 1000))
      .sign(signing.privateKey);
  }
}
