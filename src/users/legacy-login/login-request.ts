import type { LegacyLoginUsersConfig } from '../../config/schema.ts';
import type { HttpRequest } from '../http-exchanges.ts';

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

/**
 * The request by which a user logs in, as a browser or the application's own client would send it.
 *
 * @param fields of the login page, which are sent back with the form
 */
export function loginRequest(
  { url, page, form, json }: LegacyLoginUsersConfig,
  credentials: Credentials,
  fields: Readonly<Record<string, string>>,
): HttpRequest {
  if (!form && !json) return { url, method: 'GET', headers: { Accept: '*/*', Authorization: basic(credentials) } };
  // Many applications hold these against the login page, beside or instead of a token.
  const origin = { Origin: new URL(url).origin, Referer: page?.url ?? url };
  if (form) {
    const body = new URLSearchParams({ ...fields, ...(fill(form, credentials) as typeof form) }).toString();
    const headers = { ...origin, Accept: 'text/html, */*;q=0.8', 'Content-Type': 'application/x-www-form-urlencoded' };
    return { url, method: 'POST', headers, body };
  }
  const headers = { ...origin, Accept: 'application/json', 'Content-Type': 'application/json' };
  return { url, method: 'POST', headers, body: JSON.stringify(fill(json, credentials)) };
}

/** In UTF-8 (RFC 7617 §2.1). */
function basic({ username, password }: Credentials): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

/** The same tree with `{username}` and `{password}` replaced in its texts; what is filled in is not looked at again. */
function fill(tree: unknown, credentials: Credentials): unknown {
  if (typeof tree === 'string') {
    return tree.replaceAll(/\{(username|password)\}/g, (_, name: keyof Credentials) => credentials[name]);
  }
  if (Array.isArray(tree)) return tree.map((item) => fill(item, credentials));
  if (typeof tree !== 'object' || tree === null) return tree;
  return Object.fromEntries(Object.entries(tree).map(([name, value]) => [name, fill(value, credentials)]));
}
