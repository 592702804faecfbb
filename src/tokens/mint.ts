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
  /** What `{user.x}` reads. */
  readonly attributes: Readonly<Record<string, unknown>>;
  /** When the user last showed a password, in seconds since 1970. */
  readonly authTime: number;
}

/** The `cnf` claim (RFC 7800 §3.1): what the sender of a token has to show beside it. */
export interface Confirmation {
  /** The thumbprint of its certificate (RFC 8705 §3.1). */
  readonly 'x5t#S256': string;
}

export class TokenMint {
  readonly #config: TokensConfig;
  readonly #keys: SigningKeys;

  constructor(config: TokensConfig, keys: SigningKeys) {
    this.#config = config;
    this.#keys = keys;
  }

  /** A JWT access token with the claims of RFC 9068 §2.2 and the mapped ones, good for `ttlMs`. */
  accessToken(grant: TokenGrant, ttlMs: number, confirmation?: Confirmation): Promise<string> {
    const claims = {
      ...fillTemplates(this.#config.claims as Record<string, Template>, grant.attributes),
      client_id: grant.clientId,
      scope: grant.scope.join(' '),
      auth_time: grant.authTime,
      jti: randomUUID(),
      ...(confirmation && { cnf: confirmation }),
    };
    return this.#sign(claims, { typ: 'at+jwt', subject: grant.subject, audience: this.#config.audience, ttlMs });
  }

  /** An ID token by OpenID Connect Core 1.0 §2, for the client to read: no API accepts it. */
  idToken(grant: TokenGrant): Promise<string> {
    const claims = {
      ...fillTemplates(this.#config.id_token_claims as Record<string, Template>, grant.attributes),
      auth_time: grant.authTime,
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
