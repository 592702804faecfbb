import type { Finding } from '../../config/finding.ts';
import type { LegacyLoginUsersConfig } from '../../config/schema.ts';
import { readAttributes } from '../answer-attributes.ts';
import { isPlausiblePassword, isPlausibleUsername } from '../credentials.ts';
import { type HttpAnswer, HttpExchanges, jsonOf, type Send } from '../http-exchanges.ts';
import { toUser, type UserStore, type Verdict } from '../user-store.ts';
import { addCookies, type Cookies, cookieHeader, readCookies } from './cookies.ts';
import { hiddenFields } from './hidden-fields.ts';
import { type Credentials, loginRequest } from './login-request.ts';
import { showsAll } from './signs.ts';

/** What the login page wants to see again. */
interface OpenedPage {
  readonly fields: Readonly<Record<string, string>>;
  readonly cookies: Cookies;
}

/**
 * Users of an application that has a login of its own: the gateway logs in as a browser would. What neither `accept` nor
 * `reject` knows, or both do, is an outage. An unknown user cannot be told from a wrong password, nor can a user be
 * looked up.
 */
export class LegacyLoginUserStore implements UserStore {
  readonly #config: LegacyLoginUsersConfig;
  readonly #exchanges: HttpExchanges;

  constructor(config: LegacyLoginUsersConfig, ca: string | undefined) {
    this.#config = config;
    this.#exchanges = new HttpExchanges(config, ca);
  }

  async verify(username: string, password: string): Promise<Verdict> {
    if (!isPlausibleUsername(username) || this.#readsAsAnother(username)) return { outcome: 'unknown' };
    if (!isPlausiblePassword(password)) return { outcome: 'rejected' };
    return this.#exchanges.run((send) => this.#login(send, { username, password }));
  }

  /** Nobody is unknown here whom the application was asked about. */
  async decoy(): Promise<void> {}

  probe(): Promise<readonly Finding[]> {
    const { url, page, whoami } = this.#config;
    return this.#exchanges.probe([
      [['url'], url],
      [['page', 'url'], page?.url],
      [['whoami', 'url'], whoami?.url],
    ]);
  }

  async close(): Promise<void> {}

  /** With Basic, `a:b` and the password `c` are the same as `a` and `b:c` (RFC 7617 §2). */
  #readsAsAnother(username: string): boolean {
    return this.#config.basic && username.includes(':');
  }

  async #login(send: Send, credentials: Credentials): Promise<Verdict> {
    const page = await this.#openPage(send);
    const request = loginRequest(this.#config, credentials, page.fields);
    const answer = await send({ ...request, headers: { ...request.headers, ...cookieHeader(page.cookies) } });
    const { accept, reject } = this.#config;
    const accepted = showsAll(answer, accept);
    if (accepted === showsAll(answer, reject)) {
      const which = accepted ? 'both `accept` and `reject`' : 'neither `accept` nor `reject`';
      throw new Error(`the login was answered ${answer.status}, which is ${which}`);
    }
    if (!accepted) return { outcome: 'rejected' };
    const attributes = await this.#readAttributes(send, answer, addCookies(page.cookies, readCookies(answer)));
    return { outcome: 'accepted', user: toUser(credentials.username, attributes) };
  }

  async #openPage(send: Send): Promise<OpenedPage> {
    const { url, page } = this.#config;
    if (!page) return { fields: {}, cookies: new Map() };
    const answer = await send({ url: page.url ?? url, method: 'GET', headers: { Accept: 'text/html, */*;q=0.8' } });
    if (answer.status !== 200) throw new Error(`the login page was answered ${answer.status}`);
    const hidden = hiddenFields(answer.text);
    const fields = page.fields.map((name) => [name, onlyValue(name, hidden.get(name))]);
    return { fields: Object.fromEntries(fields), cookies: addCookies(new Map(), readCookies(answer)) };
  }

  async #readAttributes(send: Send, answer: HttpAnswer, cookies: Cookies): Promise<Readonly<Record<string, unknown>>> {
    const { attributes, whoami } = this.#config;
    const own = readAttributes(attributes, { $: jsonOf(answer), cookie: Object.fromEntries(cookies) });
    if (!whoami) return own;
    const headers = { Accept: 'application/json', ...cookieHeader(cookies) };
    const told = await send({ url: whoami.url, method: 'GET', headers });
    if (told.status !== 200) throw new Error(`\`whoami\` was answered ${told.status}`);
    return { ...own, ...readAttributes(whoami.attributes, { $: jsonOf(told) }) };
  }
}

/** Several forms of a page may have the same token. */
function onlyValue(name: string, values: readonly string[] = []): string {
  const [value, ...others] = new Set(values);
  if (value !== undefined && others.length === 0) return value;
  throw new Error(`the login page has ${value === undefined ? 'no' : 'more than one'} hidden field ${name}`);
}
