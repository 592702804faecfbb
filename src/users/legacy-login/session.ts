import type { LegacyLoginUsersConfig } from '../../config/schema.ts';
import { readAttributes } from '../answer-attributes.ts';
import { type HttpAnswer, jsonOf, type Send } from '../http-exchanges.ts';
import type { Carried } from '../user-store.ts';
import { type Cookies, cookieHeader } from './cookies.ts';
import { leadsTo } from './signs.ts';

type WhoamiConfig = NonNullable<LegacyLoginUsersConfig['whoami']>;
type LogoutConfig = NonNullable<LegacyLoginUsersConfig['logout']>;
type Attributes = Readonly<Record<string, unknown>>;

/** A session as it is shown to the application again. */
export interface Session {
  readonly cookies: Cookies;
  /** For the Authorization header. */
  readonly token: string | undefined;
}

/** The session that a login has just opened. @throws Error when `bearer` names a place that has no text. */
export function openedSession(bearer: string | undefined, documents: Attributes, cookies: Cookies): Session {
  if (bearer === undefined) return { cookies, token: undefined };
  const { token } = readAttributes({ token: bearer }, documents);
  if (typeof token !== 'string' || token === '') throw new Error('the login has no token where `bearer` says');
  return { cookies, token };
}

/** The session of an earlier login: its carried cookies under their own names, and its token. */
export function carriedSession({ carry, bearer }: LegacyLoginUsersConfig, carried: Carried): Session {
  // A family may be older than what `carry` says now.
  const known = Object.entries(carry).filter(([name]) => Object.hasOwn(carried, name));
  const byPlace = new Map(known.map(([name, place]) => [place, carried[name] ?? '']));
  const cookies = [...byPlace].filter(([place]) => place.startsWith(COOKIE));
  return {
    cookies: new Map(cookies.map(([place, value]) => [place.slice(COOKIE.length), value])),
    token: byPlace.get(bearer ?? ''),
  };
}

const COOKIE = 'cookie.';

export function askWhoami(send: Send, { url }: WhoamiConfig, session: Session): Promise<HttpAnswer> {
  return send({ url, method: 'GET', headers: { Accept: 'application/json', ...headersOf(session) } });
}

/** @throws Error for an answer that tells of nobody. */
export function readWhoami({ attributes }: WhoamiConfig, answer: HttpAnswer): Attributes {
  if (answer.status !== 200) throw new Error(`\`whoami\` was answered ${answer.status}`);
  return readAttributes(attributes, { $: jsonOf(answer) });
}

/** Whether a `whoami` was answered as applications answer without a session: 401, 403, or the way to the login. */
export function isOver(answer: HttpAnswer, { url, page }: LegacyLoginUsersConfig): boolean {
  const redirects = answer.status >= 300 && answer.status < 400;
  const places = [url, page?.url ?? url];
  return [401, 403].includes(answer.status) || (redirects && places.some((place) => leadsTo(answer, place)));
}

/** @throws Error unless the application agrees, or does not know the session any more. */
export async function endSession(send: Send, { url, method }: LogoutConfig, session: Session): Promise<void> {
  const headers = { Accept: '*/*', Origin: new URL(url).origin, ...headersOf(session) };
  const { status } = await send({ url, method, headers });
  if (status >= 400 && status !== 401) throw new Error(`\`logout\` was answered ${status}`);
}

function headersOf({ cookies, token }: Session): Readonly<Record<string, string>> {
  return { ...cookieHeader(cookies), ...(token !== undefined && { Authorization: `Bearer ${token}` }) };
}
