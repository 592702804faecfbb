import { cookieSpelling } from '../config/cookie-spelling.ts';

/**
 * A `Cookie` header of the client's without the cookies that only we set; empty when nothing is left. Servers of old end a
 * cookie at a comma too (RFC 2965 §3.3.4), so one that has ours behind a comma goes as a whole.
 *
 * @param ours spellings of their names
 */
export function withoutCookies(header: string, ours: ReadonlySet<string>): string {
  const pairs = header.split(';').map((pair) => pair.trim());
  return pairs.filter((pair) => pair !== '' && !names(pair).some((name) => ours.has(name))).join('; ');
}

/** Whether a `Set-Cookie` header sets one of these cookies, maybe as one of several (RFC 2965 §3.2.2). */
export function setsCookie(header: string, ours: ReadonlySet<string>): boolean {
  return names(header).some((name) => ours.has(name));
}

function names(cookies: string): string[] {
  return cookies.split(',').map((part) => cookieSpelling(part.split(/[=;]/, 1)[0] ?? ''));
}
