import type { Check, Locate, Path } from './check.ts';
import { placeholderProblem } from './placeholder.ts';
import type { Problem } from './problem.ts';

/** Those that the gateway itself vouches for. */
const RESERVED = new Set(
  ['iss', 'aud', 'exp', 'iat', 'nbf', 'jti'] // RFC 7519 §4.1
    .concat(['client_id', 'scope', 'sub', 'auth_time']) // RFC 9068 §2.2
    .concat(['sid']) // OpenID Connect Front-Channel Logout 1.0 §3
    .concat(['cnf', 'act']), // RFC 7800 §3.1, RFC 8693 §4.1
);

export const checkClaims: Check = function* ({ tokens }, locate) {
  for (const key of ['claims', 'id_token_claims'] as const) {
    const path = ['tokens', key];
    for (const name of Object.keys(tokens?.[key] ?? {}).filter((claim) => RESERVED.has(claim))) {
      yield { position: locate([...path, name], 'key'), message: `the gateway sets the claim \`${name}\` itself` };
    }
    yield* checkTemplates(tokens?.[key], path, locate);
  }
};

function* checkTemplates(value: unknown, path: Path, locate: Locate): Iterable<Problem> {
  if (typeof value === 'string') {
    const message = placeholderProblem(value, 'user');
    if (message) yield { position: locate(path), message };
  }
  if (typeof value !== 'object' || value === null) return;
  for (const [name, inner] of Object.entries(value)) yield* checkTemplates(inner, [...path, name], locate);
}
