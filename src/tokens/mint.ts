import { randomUUID } from 'node:crypto';
import { SignJWT } from 'jose';
import { SELF } from '../config/route-section.ts';
import type { Config, TokensConfig } from '../config/schema.ts';
import { audiencesOf } from './audiences.ts';
import { fillTemplates, type Template } from './claim-templates.ts';
import type { Confirmation } from './confirmation.ts';
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
  /** The session that the login has opened in an application, sealed; undefined where it is not carried. */
  readonly carry: string | undefined;
}

export class TokenMint {
  readonly #config: TokensConfig;
  readonly #audience: string | string[];
  readonly #keys: SigningKeys;

  constructor({ tokens, routes }: Pick<Config, 'tokens' | 'routes'>, keys: SigningKeys) {
    this.#config = tokens;
    const [audience = tokens.audience, ...others] = audiencesOf(tokens.audience, SELF, routes);
    this.#audience = others.length > 0 ? [audience, ...others] : audience;
    this.#keys = keys;
  }

  /**
   * A JWT access token with the claims of RFC 9068 §2.2 and the mapped ones, good for `ttlMs`. It is for all audiences
   * that routes expect of our tokens.
   */
  accessToken(grant: TokenGrant, ttlMs: number, confirmation?: Confirmation): Promise<string> {
    const { login } = grant;
    const mapped = fillTemplates(this.#config.claims as Record<string, Template>, login?.attributes);
    const claims = {
      ...mapped,
      sub: accessTokenSubject(mapped.sub, grant.subject),
      client_id: grant.clientId,
      scope: grant.scope.join(' '),
      ...(login && { auth_time: login.authTime }),
      ...(login?.sessionId && { sid: login.sessionId }),
      ...(login?.carry && { carry: login.carry }),
      jti: randomUUID(),
      ...(confirmation && { cnf: confirmation }),
    };
    return this.#sign(claims, { typ: 'at+jwt', audience: this.#audience, ttlMs });
  }

  /** An ID token by OpenID Connect Core 1.0 §2, for the client to read: no API accepts it. */
  idToken(grant: TokenGrant, login: Login): Promise<string> {
    const claims = {
      ...fillTemplates(this.#config.id_token_claims as Record<string, Template>, login.attributes),
      sub: grant.subject,
      auth_time: login.authTime,
    };
    const ttlMs = this.#config.id_token_ttl;
    return this.#sign(claims, { typ: 'JWT', audience: grant.clientId, ttlMs });
  }

  async #sign(
    claims: Record<string, unknown>,
    token: { typ: string; audience: string | string[]; ttlMs: number },
  ): Promise<string> {
    const { signing } = await this.#keys.load();
    const issuedAt = Math.floor(Date.now() / 1000);
    return new SignJWT(claims)
      .setProtectedHeader({ alg: signing.algorithm, kid: signing.kid, typ: token.typ })
      .setIssuer(this.#config.issuer)
      .setAudience(token.audience)
      .setIssuedAt(issuedAt)
      .setExpirationTime(issuedAt + Math.ceil(token.ttlMs / 1000))
      .sign(signing.privateKey);
  }
}

/** Text, as RFC 7519 §4.1.2 wants it, unless the operator maps `sub: { value: … }` for APIs that read `sub.value`. */
function accessTokenSubject(mapped: unknown, subject: string): unknown {
  if (typeof mapped !== 'object' || mapped === null) return subject;
  const { value } = mapped as { value?: unknown };
  // A list or a mapping would read the same for many users.
  const isUsable = (typeof value === 'string' && value !== '') || typeof value === 'number';
  return { value: isUsable ? String(value) : subject };
}
