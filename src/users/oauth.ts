import { decodeJwt } from 'jose';
import type { Finding } from '../config/finding.ts';
import type { OAuthUsersConfig } from '../config/schema.ts';
import { valueAt } from '../dotted-path.ts';
import { readAttributes } from './answer-attributes.ts';
import { isPlausiblePassword, isPlausibleUsername } from './credentials.ts';
import { type HttpAnswer, HttpExchanges, type HttpRequest, jsonOf, type Send } from './http-exchanges.ts';
import { toUser, type UserStore, type Verdict } from './user-store.ts';

/** Keycloak before 26.6 refuses with 401, against RFC 6749 §5.2. */
const REFUSALS: readonly number[] = [400, 401];

/**
 * Users of another OAuth server, by its password grant (RFC 6749 §4.3). Only `invalid_grant` is a refusal: a client that
 * is refused, too many requests and all else are outages. The server's tokens are read and dropped.
 */
export class OAuthUserStore implements UserStore {
  readonly #config: OAuthUsersConfig;
  readonly #exchanges: HttpExchanges;

  constructor(config: OAuthUsersConfig, ca: string | undefined) {
    this.#config = config;
    this.#exchanges = new HttpExchanges(config, ca);
  }

  async verify(username: string, password: string): Promise<Verdict> {
    if (!isPlausibleUsername(username)) return { outcome: 'unknown' };
    if (!isPlausiblePassword(password)) return { outcome: 'rejected' };
    return this.#exchanges.run((send) => this.#login(send, username, password));
  }

  /** Nobody is unknown here whom the server was asked about. */
  async decoy(): Promise<void> {}

  probe(): Promise<readonly Finding[]> {
    const { token_endpoint, userinfo_endpoint } = this.#config;
    return this.#exchanges.probe([
      [['token_endpoint'], token_endpoint],
      [['userinfo_endpoint'], userinfo_endpoint],
    ]);
  }

  async close(): Promise<void> {}

  async #login(send: Send, username: string, password: string): Promise<Verdict> {
    const answer = await send(tokenRequest(this.#config, username, password));
    const body = jsonOf(answer);
    if (REFUSALS.includes(answer.status) && valueAt(body, 'error') === 'invalid_grant') return { outcome: 'rejected' };
    const accessToken = valueAt(body, 'access_token');
    if (answer.status !== 200 || typeof accessToken !== 'string') throw unclear(answer, valueAt(body, 'error'));
    const tokens = { access_token: claimsOf(accessToken), id_token: claimsOf(valueAt(body, 'id_token')) };
    const userinfo = await this.#askUserinfo(send, accessToken, tokens.id_token);
    return {
      outcome: 'accepted',
      user: toUser(username, readAttributes(this.#config.attributes, { ...tokens, userinfo })),
    };
  }

  /** OpenID Connect Core 1.0 §5.3. Whose it is has to be what the ID token says, if there is one (§5.3.2). */
  async #askUserinfo(send: Send, accessToken: string, idToken: unknown): Promise<unknown> {
    const { userinfo_endpoint: url } = this.#config;
    if (url === undefined) return undefined;
    const headers = { Accept: 'application/json', Authorization: `Bearer ${accessToken}` };
    const answer = await send({ url, method: 'GET', headers });
    if (answer.status !== 200) throw new Error(`the userinfo endpoint answered ${answer.status}`);
    const userinfo = jsonOf(answer);
    if (idToken !== undefined && valueAt(userinfo, 'sub') !== valueAt(idToken, 'sub')) {
      throw new Error('the userinfo endpoint answered for somebody else');
    }
    return userinfo;
  }
}

function tokenRequest(config: OAuthUsersConfig, username: string, password: string): HttpRequest {
  const { token_endpoint: url, client_id, client_secret, auth, scope } = config;
  const form = new URLSearchParams({
    grant_type: 'password',
    username,
    password,
    ...(scope !== undefined && { scope }),
  });
  const headers = { Accept: 'application/json', 'Content-Type': 'application/x-www-form-urlencoded' };
  if (auth === 'client_secret_basic') {
    const credentials = Buffer.from([client_id, client_secret].map(formEncoded).join(':')).toString('base64');
    return { url, method: 'POST', headers: { ...headers, Authorization: `Basic ${credentials}` }, body: String(form) };
  }
  form.set('client_id', client_id);
  if (client_secret !== undefined) form.set('client_secret', client_secret);
  return { url, method: 'POST', headers, body: String(form) };
}

/** RFC 6749 §2.3.1 */
function formEncoded(text = ''): string {
  return String(new URLSearchParams({ '': text })).slice(1);
}

/**
 * The claims of a token that is a JWT; undefined for others. TLS with the endpoint stands for the signature (OpenID
 * Connect Core 1.0 §3.1.3.7, point 6).
 */
function claimsOf(token: unknown): unknown {
  try {
    return decodeJwt(String(token));
  } catch {
    return undefined;
  }
}

/** `error` is one of a few words (RFC 6749 §5.2), or it is not told. */
function unclear({ status }: HttpAnswer, error: unknown): Error {
  const told = typeof error === 'string' && /^[a-z_]{1,40}$/.test(error) ? ` and ${error}` : '';
  return new Error(`the token endpoint answered ${status}${told}`);
}
