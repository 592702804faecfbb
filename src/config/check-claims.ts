import type { Check, Locate, Path } from './check.ts';
import { placeholderProblem } from './placeholder.ts';
import { type Problem, type Warning, warning } from './problem.ts';
import type { Position } from './schema.ts';

/** Those that the gateway itself vouches for. */
const RESERVED = new Set(
  ['iss', 'aud', 'exp', 'iat', 'nbf', 'jti'] // RFC 7519 §4.1
    .concat(['client_id', 'scope', 'sub', 'auth_time']) // RFC 9068 §2.2
    .concat(['sid']) // OpenID Connect Front-Channel Logout 1.0 §3
    .concat(['cnf', 'act']) // RFC 7800 §3.1, RFC 8693 §4.1
    .concat(['carry']),
);

export const checkClaims: Check = function* ({ tokens }, locate) {
  for (const key of ['claims', 'id_token_claims'] as const) {
    const path = ['tokens', key];
    for (const [name, value] of Object.entries(tokens?.[key] ?? {}).filter(([claim]) => RESERVED.has(claim))) {
      const position = locate([...path, name], 'key');
      if (key === 'claims' && name === 'sub') yield checkSubject(value, position);
      else yield { position, message: `the gateway sets the claim \`${name}\` itself` };
    }
    yield* checkTemplates(tokens?.[key], path, locate);
  }
};

/** `sub: { value: … }`, which APIs from before RFC 7519 read, with one attribute of the user and nothing else. */
function checkSubject(sub: unknown, position: Position): Problem | Warning {
  if (!isOneValue(sub)) {
    return {
      position,
      message: 'the gateway sets the claim `sub` itself; only `sub: { value: "{user.username}" }` may be set',
    };
  }
  const message = 'RFC 7519 wants `sub` to be a text: most libraries refuse tokens in which it is a mapping';
  return warning('sub-not-a-string', position, message);
}

function isOneValue(sub: unknown): boolean {
  if (typeof sub !== 'object' || sub === null) return false;
  const [[name, value] = [], ...others] = Object.entries(sub);
  if (name !== 'value' || typeof value !== 'string' || others.length > 0) return false;
  return /^\{user\.[^{}]+\}$/.test(value);
}

function* checkTemplates(value: unknown, path: Path, locate: Locate): Iterable<Problem> {
  if (typeof value === 'string') {
    const message = placeholderProblem(value, 'user');
    if (message) yield { position: locate(path), message };
  }
  if (typeof value !== 'object' || value === null) return;
  for (const [name, inner] of Object.entries(value)) yield* checkTemplates(inner, [...path, name], locate);
}
