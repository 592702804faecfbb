/**
 * The gateway chooses a rule by the path, and the upstream chooses what to do by the path. Where the two read one path in
 * two ways, an attacker writes the path of something protected so that the gateway takes it for something open:
 * `/open/../admin`, `/open/..;/admin`, `/ADMIN`, `/%61dmin`, `/open%2F..%2Fadmin`, `/admin%00`, `//admin`.
 *
 * CVE-2019-9901, CVE-2021-29492 and CVE-2021-32779: Envoy matched rules before it had removed dots, decoded slashes, cut
 * off `#`. CVE-2026-22031: @fastify/middie passed middleware by for `/%61dmin`. GHSA-p224-6x5r-fjpm (CVE-2026-33494): Ory
 * Oathkeeper matched its rules against `/public/../admin`, and the upstream resolved it.
 *
 * The promise: without a token, no spelling of a protected path reaches the upstream, even where everything else is open.
 * What does reach it is the very path that the rule was chosen by. The query takes no part.
 */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { startGateway } from '../support/gateway.ts';
import { sendRaw, statuses } from '../support/raw.ts';
import { startRecordingUpstream } from '../support/recording-upstream.ts';

const upstream = await startRecordingUpstream({ after });
const gateway = await startGateway(
  { after },
  {
    upstreams: { api: { targets: [upstream.url] } },
    // Everything is open but what is named: so a spelling that is not recognised gets through.
    routes: [
      { path: '/**', public: true, encoded_slashes: true, upstream: 'api' },
      { path: '/admin/**', upstream: 'api' },
      { path: '/orders/{id}', public: true, encoded_slashes: true, upstream: 'api' },
      { path: '/orders/export', upstream: 'api' },
      { path: '/café', upstream: 'api' },
      { path: '/inner/{name}', public: true, encoded_slashes: true, upstream: 'api', rewrite: '/files/{name}' },
      { path: '/outer/**', public: true, encoded_slashes: true, upstream: 'api', strip_prefix: '/outer' },
    ],
  },
);

/** Asks for a target without a token: the answer's status code, and the request lines that the upstream got. */
async function ask(target: string): Promise<{ status: number | undefined; reached: string[] }> {
  const before = upstream.connections.length;
  const answer = await sendRaw(gateway, `GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`, 2000);
  const [status] = statuses(answer);
  return { status, reached: upstream.connections.slice(before).map((bytes) => bytes.split('\r\n')[0] ?? '') };
}

describe('no spelling of a protected path reaches the upstream without a token', () => {
  const rows: [sentence: string, target: string, status?: 401][] = [
    ['itself', '/admin/report', 401],
    ['itself, with nothing below', '/admin', 401],
    ['escaped letters', '/%61dmin/report', 401],
    ['escaped letters of the other literal', '/orders/e%78port', 401],
    ['upper case', '/ADMIN/report'],
    ['one letter in upper case', '/orders/Export'],
    ['one escaped letter in upper case', '/orders/%45xport'],
    ['a slash at the end', '/orders/export/'],
    ['dots over another path', '/open/../admin/report'],
    ['dots at the start', '/../admin/report'],
    ['a single dot', '/./admin/report'],
    ['a single dot inside', '/admin/./report'],
    ['escaped dots', '/open/%2e%2e/admin/report'],
    ['half-escaped dots', '/open/.%2E/admin/report'],
    ['dots with parameters', '/open/..;/admin/report'],
    ['dots with escaped parameters', '/open/..%3Bx=1/admin/report'],
    ['a dot with parameters', '/.;x=1/admin/report'],
    ['dots before a query that is escaped', '/open/..%3F/admin/report'],
    ['dots before a blank', '/open/..%20/admin/report'],
    ['dots behind an escaped slash', '/open%2F../admin/report'],
    ['dots between escaped slashes', '/open%2f..%2fadmin/report'],
    ['dots encoded twice', '/open/%252e%252e/admin/report'],
    ['dots encoded three times', '/open/%25252e%25252e/admin/report'],
    ['dots in UTF-16 escapes', '/open/%u002e%u002e/admin/report'],
    ['overlong dots', '/open/%c0%ae%c0%ae/admin/report'],
    ['overlong dots of three bytes', '/open/%e0%80%ae%e0%80%ae/admin/report'],
    ['wide dots (U+FF0E)', '/open/%EF%BC%8E%EF%BC%8E/admin/report'],
    ['leaders for dots (U+2024)', '/open/%E2%80%A4%E2%80%A4/admin/report'],
    ['one leader for two dots (U+2025)', '/open/%E2%80%A5/admin/report'],
    ['dots around a character of no width (U+200B)', '/open/.%E2%80%8B./admin/report'],
    ['an escaped slash', '/admin%2Freport'],
    ['an escaped slash at the start', '/%2Fadmin/report'],
    ['an escaped slash at the end', '/orders/export%2F'],
    ['a slash encoded twice', '/admin%252Freport'],
    ['a slash of half a double encoding', '/admin%%32%46report'],
    ['an overlong slash', '/admin%c0%afreport'],
    ['a wide slash (U+FF0F)', '/admin%EF%BC%8Freport'],
    ['a backslash', '/admin\\report'],
    ['a backslash at the start', '/\\admin/report'],
    ['an escaped backslash', '/admin%5Creport'],
    ['an escaped backslash at the start', '/%5cadmin/report'],
    ['a wide backslash (U+FF3C)', '/admin%EF%BC%BCreport'],
    ['dots behind a backslash', '/open/..\\admin/report'],
    ['two slashes at the start', '//admin/report'],
    ['two slashes at the start, and a host', '//x/admin/report'],
    ['two slashes inside', '/admin//report'],
    ['two slashes in the other path', '/orders//export'],
    ['parameters', '/admin;a=b/report'],
    ['empty parameters', '/orders/export;'],
    ['escaped parameters', '/orders/export%3Bjsessionid=1'],
    ['wide parameters (U+FF1B)', '/orders/export%EF%BC%9Bx'],
    ['parameters before the path', '/;x/admin/report'],
    ['an escaped query', '/orders/export%3Fx'],
    ['an escaped fragment', '/orders/export%23x'],
    ['a fragment', '/admin/report#x'],
    ['a fragment before dots', '/open#/../admin/report'],
    ['a dot at the end', '/admin./report'],
    ['dots at the end', '/orders/export...'],
    ['a blank at the end', '/orders/export%20'],
    ['a no-break space at the end', '/orders/export%C2%A0'],
    ['a blank that ends the target', '/orders/export ', 401],
    ['a NUL at the end', '/orders/export%00'],
    ['a NUL before an extension', '/orders/export%00.json'],
    ['an overlong NUL', '/orders/export%c0%80'],
    ['a line break at the end', '/orders/export%0a'],
    ['a tab at the end', '/orders/export%09'],
    ['a header inside', '/orders/export%20HTTP/1.1%0d%0aHost:%20y%0d%0a'],
    ['wide letters (U+FF41)', '/%EF%BD%81dmin/report'],
    ['a long s (U+017F) for s', '/admin/%C5%BF', 401],
    ['an i without a dot (U+0131)', '/adm%C4%B1n/report'],
    ['an I with a dot (U+0130)', '/adm%C4%B0n/report'],
    ['a soft hyphen (U+00AD)', '/ad%C2%ADmin/report'],
    ['a joiner of no width (U+200D)', '/orders/ex%E2%80%8Dport'],
    ['the path beyond ASCII', '/caf%C3%A9', 401],
    ['the path beyond ASCII, decomposed', '/cafe%CC%81'],
    ['the path beyond ASCII, in upper case', '/CAF%C3%89'],
    ['the path beyond ASCII in Latin-1', '/caf%E9'],
    ['the path beyond ASCII as raw bytes', '/caf\xc3\xa9'],
    ['absolute form', 'http://x/admin/report'],
    ['absolute form with another host', 'http://y/admin/report'],
    ['absolute form with a scheme of its own', 'file:///admin/report'],
    ['authority form', 'x:80'],
    ['asterisk form', '*'],
    ['no slash at the start', 'admin/report'],
    ['a query alone', '?/admin/report'],
    ['dots into what is rewritten', '/inner/..'],
    ['dots into what is rewritten, with parameters', '/inner/..;x'],
    ['dots out of what is rewritten', '/inner/..%2Fadmin%2Freport'],
    ['dots out of a prefix that is stripped', '/outer/../admin/report'],
    ['a host behind a prefix that is stripped', '/outer//y/admin'],
    ['a prefix that is stripped up to an escaped slash', '/outer%2Fadmin'],
  ];
  for (const [sentence, target, status = 400] of rows) {
    test(sentence, async () => assert.deepEqual(await ask(target), { status, reached: [] }));
  }
});

describe('what the rule was chosen by is what the upstream gets', () => {
  const rows: [sentence: string, target: string, got?: string][] = [
    ['a plain path', '/open/a'],
    ['escaped letters are letters to both', '/%6Fpen/%7Ea', '/open/~a'],
    ['other escapes stay', '/open/%C3%A9%20%3A%25'],
    ['other escapes are in upper case', '/open/%c3%a9', '/open/%C3%A9'],
    ['an escaped slash stays', '/open%2fa', '/open%2Fa'],
    ['parameters stay', '/open;a=b/c;d'],
    ['sub-delimiters stay', '/open/!$&\'()*+,=:@|^`{}[]<>"'],
    ['what only looks like the protected path', '/administration/report'],
    ['the protected path below another one', '/open/admin/report'],
    ['a wide question mark is a letter', '/open/%EF%BC%9F'],
    ['a wide slash in a name that nobody protects', '/open/AC%EF%BC%8FDC'],
    ['a sharp in a name', '/orders/c%23'],
    ['a rewritten value stays', '/inner/a%2Fb;c%3Fd', '/files/a%2Fb;c%3Fd'],
    ['a stripped prefix', '/outer/a/b', '/a/b'],
    ['a stripped prefix and nothing else', '/outer', '/'],
    ['a prefix that only begins alike', '/outermost/a'],
    ['a query of dots and slashes', '/open?/../admin/report//\\%2e%2e%2f'],
    ['a query with a protected path', '/?/admin/report'],
    ['a query with a line break that is escaped', '/open?a=%0d%0aHost:%20y'],
    ['a query with half an escape', '/open?%&%zz&%u0041'],
    ['an empty query', '/open?'],
    ['a query with a question mark', '/open??/admin'],
  ];
  for (const [sentence, target, got = target] of rows) {
    test(sentence, async () => {
      assert.deepEqual(await ask(target), { status: 200, reached: [`GET ${got} HTTP/1.1`] });
    });
  }
});

describe('the query takes no part in what is protected', () => {
  const queries: [sentence: string, query: string, status?: 400][] = [
    ['a path that is open', '?/../open'],
    ['a path that is open, escaped', '?%2f%2e%2e%2fopen'],
    ['a slash', '?/'],
    ['parameters that name another method', '?_method=OPTIONS&method=HEAD'],
    ['a token', '?access_token=x'],
    ['a fragment', '?#/open', 400],
    ['a raw line break is none', '?\r/open', 400],
    ['a raw NUL', '?\0', 400],
    ['raw bytes beyond ASCII', '?\xe9', 400],
  ];
  for (const [sentence, query, status = 401] of queries) {
    test(sentence, async () => assert.equal((await ask(`/admin/report${query}`)).status, status));
  }
});
