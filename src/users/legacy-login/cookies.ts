import { type Cookie, parseCookie } from 'undici';
import type { HttpAnswer } from '../http-exchanges.ts';

/** Cookies by name. Each login has its own. */
export type Cookies = ReadonlyMap<string, string>;

/** What an answer's `Set-Cookie` headers say (RFC 6265 §5.2); the value of a cookie that is removed is empty. */
export function readCookies({ headers }: HttpAnswer): Cookies {
  const cookies = [headers['set-cookie'] ?? []].flat().map((header) => parseCookie(header));
  const named = cookies.filter((cookie) => cookie !== null && cookie.name !== '') as Cookie[];
  return new Map(named.map((cookie) => [cookie.name, isRemoved(cookie) ? '' : cookie.value]));
}

/** A login's requests all go to one origin, so domains and paths are not looked at: a name is one cookie. */
export function addCookies(known: Cookies, added: Cookies): Cookies {
  return new Map([...new Map([...known, ...added])].filter(([, value]) => value !== ''));
}

/** The `Cookie` header, if there is one to send. */
export function cookieHeader(cookies: Cookies): Readonly<Record<string, string>> {
  const pairs = Array.from(cookies, ([name, value]) => `${name}=${value}`);
  return pairs.length > 0 ? { Cookie: pairs.join('; ') } : {};
}

/** `Max-Age` before `Expires` (RFC 6265 §5.3). */
function isRemoved({ maxAge, expires }: Cookie): boolean {
  if (maxAge !== undefined) return maxAge <= 0;
  return expires !== undefined && Number(expires) < Date.now();
}
