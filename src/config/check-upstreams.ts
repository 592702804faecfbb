import type { Check, Locate, Sections } from './check.ts';
import { cookieSpelling } from './cookie-spelling.ts';
import { headerSpelling } from './header-spelling.ts';
import { carriedNames, placeholderProblem } from './placeholder.ts';
import type { Problem } from './problem.ts';
import type { UpstreamConfig } from './schema.ts';
import { printable, suggestion } from './section.ts';

/** Headers that frame or route a message, carry its credentials, or that the gateway sets anyway. */
const TAKEN = new Set(
  ['connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade'] // RFC 9110 §7.6.1
    .concat(['host', 'content-length', 'content-type', 'content-encoding', 'expect'])
    .concat(['authorization', 'proxy-authorization', 'proxy-authenticate', 'cookie'])
    .concat(['forwarded', 'x-request-id', 'traceparent', 'tracestate']),
);

export const checkUpstreams: Check = function* ({ upstreams = {}, users }, locate) {
  for (const [name, upstream] of Object.entries(upstreams)) {
    const at: Locate = (path, part) => locate(['upstreams', name, ...path], part);
    yield* checkHeaders(upstream, at);
    yield* checkCookies(upstream, at);
    if (users) yield* checkCarried(upstream, users, at);
  }
};

function* checkHeaders({ identity_headers }: UpstreamConfig, at: Locate): Iterable<Problem> {
  yield* checkSpellings(identity_headers, headerSpelling, 'header', (header) =>
    at(['identity_headers', header], 'key'),
  );
  for (const [header, template] of Object.entries(identity_headers)) {
    const spelling = headerSpelling(header);
    // The session of an application may be a token, which belongs nowhere else.
    const isToken = spelling === 'authorization' && carriedNames(template).length > 0;
    if ((TAKEN.has(spelling) && !isToken) || spelling.startsWith('x-forwarded-')) {
      const message = 'this header has a meaning of its own and cannot carry an identity';
      yield { position: at(['identity_headers', header], 'key'), message };
    }
    const message = placeholderProblem(template, 'token', 'carry');
    if (message) yield { position: at(['identity_headers', header]), message };
  }
}

/** What a login carries fits into a cookie; what a token says may not. */
function* checkCookies({ cookies }: UpstreamConfig, at: Locate): Iterable<Problem> {
  yield* checkSpellings(cookies, cookieSpelling, 'cookie', (cookie) => at(['cookies', cookie], 'key'));
  for (const [cookie, template] of Object.entries(cookies)) {
    const message = placeholderProblem(template, 'carry');
    if (message) yield { position: at(['cookies', cookie]), message };
    if (template.includes(';')) yield { position: at(['cookies', cookie]), message: 'a semicolon ends a cookie' };
  }
}

function* checkSpellings(
  named: Readonly<Record<string, string>>,
  spellingOf: (name: string) => string,
  kind: 'header' | 'cookie',
  positionOf: (name: string) => Problem['position'],
): Iterable<Problem> {
  const owners = new Map<string, string>();
  for (const name of Object.keys(named)) {
    const owner = owners.get(spellingOf(name));
    if (owner)
      yield { position: positionOf(name), message: `\`${printable(owner)}\` is the same ${kind} to many servers` };
    owners.set(spellingOf(name), name);
  }
}

function* checkCarried(upstream: UpstreamConfig, users: Sections['users'], at: Locate): Iterable<Problem> {
  const carried = Object.values(users).flatMap((store) =>
    store.type === 'legacy_login' ? Object.keys(store.carry) : [],
  );
  for (const key of ['identity_headers', 'cookies'] as const) {
    for (const [name, template] of Object.entries(upstream[key])) {
      for (const unknown of carriedNames(template).filter((read) => !carried.includes(read))) {
        const message = `no user store carries \`${printable(unknown)}\`${suggestion(unknown, carried)}`;
        yield { position: at([key, name]), message };
      }
    }
  }
}
