import type { Finding } from '../../config/finding.ts';
import type { LegacyLoginUsersConfig } from '../../config/schema.ts';
import { readAttributes } from '../answer-attributes.ts';
import { BackgroundTasks } from '../background-tasks.ts';
import { isPlausiblePassword, isPlausibleUsername } from '../credentials.ts';
import { HttpExchanges, jsonOf, type Send } from '../http-exchanges.ts';
import { type Carried, toUser, type User, type UserStore, type Verdict } from '../user-store.ts';
import { readCarried } from './carried.ts';
import { addCookies, type Cookies, cookieHeader, readCookies } from './cookies.ts';
import { hiddenFields } from './hidden-fields.ts';
import { type Credentials, loginRequest } from './login-request.ts';
import { askWhoami, carriedSession, endSession, isOver, openedSession, readWhoami } from './session.ts';
import { showsAll } from './signs.ts';

/** What the login page wants to see again. */
interface OpenedPage {
  readonly fields: Readonly<Record<string, string>>;
  readonly cookies: Cookies;
}

/**
 * Users of an application that has a login of its own: the gateway logs in as a browser would. What neither `accept` nor
 * `reject` knows, or both do, is an outage. An unknown user cannot be told from a wrong password, nor can a user be
 * looked up but for by the session of their login.
 */
export class LegacyLoginUserStore implements UserStore {
  readonly #config: LegacyLoginUsersConfig;
  readonly #exchanges: HttpExchanges;
  readonly #logouts = new BackgroundTasks();
  readonly #onNotEnded: (error: unknown) => void;

  /** @param onNotEnded is told why `logout` has left a session open */
  constructor(config: LegacyLoginUsersConfig, ca: string | undefined, onNotEnded: (error: unknown) => void = () => {}) {
    this.#config = config;
    this.#exchanges = new HttpExchanges(config, ca);
    this.#onNotEnded = onNotEnded;
  }

  async verify(username: string, password: string): Promise<Verdict> {
    if (!isPlausibleUsername(username) || this.#readsAsAnother(username)) return { outcome: 'unknown' };
    if (!isPlausiblePassword(password)) return { outcome: 'rejected' };
    return this.#exchanges.run((send) => this.#login(send, { username, password }));
  }

  /** Nobody is unknown here whom the application was asked about. */
  async decoy(): Promise<void> {}

  probe(): Promise<readonly Finding[]> {
    const { url, page, whoami, logout } = this.#config;
    return this.#exchanges.probe([
      [['url'], url],
      [['page', 'url'], page?.url],
      [['whoami', 'url'], whoami?.url],
      [['logout', 'url'], logout?.url],
    ]);
  }

  /** Asks `whoami` again. Without one, users stay as they were at the login. */
  async resume(user: User, carried: Carried): Promise<User | undefined> {
    const { whoami } = this.#config;
    if (!whoami) return user;
    return this.#exchanges.run(async (send) => {
      const answer = await askWhoami(send, whoami, carriedSession(this.#config, carried));
      if (isOver(answer, this.#config)) return undefined;
      const kept = Object.entries(user.attributes).filter(([name]) => !(name in whoami.attributes));
      const now = toUser(user.username, { ...Object.fromEntries(kept), ...readWhoami(whoami, answer) });
      // An application may have given the session's number to somebody else by now.
      return now.sub === user.sub ? now : undefined;
    });
  }

  logout(carried: Carried): void {
    const { logout } = this.#config;
    if (!logout) return;
    const session = carriedSession(this.#config, carried);
    const end = () => this.#exchanges.run((send) => endSession(send, logout, session)).catch(this.#onNotEnded);
    if (!this.#logouts.offer(end)) this.#onNotEnded(new Error('too many sessions wait to be ended'));
  }

  close(): Promise<void> {
    return this.#logouts.close();
  }

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
    const cookies = addCookies(page.cookies, readCookies(answer));
    const documents = { $: jsonOf(answer), cookie: Object.fromEntries(cookies) };
    const attributes = await this.#readAttributes(send, documents, cookies);
    const carried = readCarried(this.#config.carry, documents);
    return { outcome: 'accepted', user: toUser(credentials.username, attributes), ...(carried && { carried }) };
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

  async #readAttributes(
    send: Send,
    documents: Readonly<Record<string, unknown>>,
    cookies: Cookies,
  ): Promise<User['attributes']> {
    const { attributes, bearer, whoami } = this.#config;
    const own = readAttributes(attributes, documents);
    if (!whoami) return own;
    const told = await askWhoami(send, whoami, openedSession(bearer, documents, cookies));
    return { ...own, ...readWhoami(whoami, told) };
  }
}

/** Several forms of a page may have the same token. */
function onlyValue(name: string, values: readonly string[] = []): string {
  const [value, ...others] = new Set(values);
  if (value !== undefined && others.length === 0) return value;
  throw new Error(`the login page has ${value === undefined ? 'no' : 'more than one'} hidden field ${name}`);
}
