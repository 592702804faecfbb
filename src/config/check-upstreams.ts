import type { Check, Locate } from './check.ts';
import { headerSpelling } from './header-spelling.ts';
import { placeholderProblem } from './placeholder.ts';
import type { Problem } from './problem.ts';
import { printable } from './section.ts';

/** Headers that frame or route a message, carry its credentials, or that the gateway sets anyway. */
const TAKEN = new Set(
  ['connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade'] // RFC 9110 §7.6.1
    .concat(['host', 'content-length', 'content-type', 'content-encoding', 'expect'])
    .concat(['authorization', 'proxy-authorization', 'proxy-authenticate', 'cookie'])
    .concat(['forwarded', 'x-request-id', 'traceparent', 'tracestate']),
);

export const checkUpstreams: Check = function* ({ upstreams = {} }, locate) {
  for (const [name, { identity_headers }] of Object.entries(upstreams)) {
    const at: Locate = (path, part) => locate(['upstreams', name, 'identity_headers', ...path], part);
    yield* checkNames(Object.keys(identity_headers), at);
    for (const [header, template] of Object.entries(identity_headers)) {
      const message = placeholderProblem(template, 'token');
      if (message) yield { position: at([header]), message };
    }
  }
};

function* checkNames(headers: readonly string[], at: Locate): Iterable<Problem> {
  const owners = new Map<string, string>();
  for (const header of headers) {
    const position = at([header], 'key');
    const spelling = headerSpelling(header);
    const owner = owners.get(spelling);
    if (owner) yield { position, message: `\`${printable(owner)}\` is the same header to many servers` };
    if (TAKEN.has(spelling) || spelling.startsWith('x-forwarded-')) {
      yield { position, message: 'this header has a meaning of its own and cannot carry an identity' };
    }
    owners.set(spelling, header);
  }
}
