import type { Check, Locate, Sections } from './check.ts';
import type { Problem } from './problem.ts';
import { SELF } from './route-section.ts';
import { nearestWord, suggestion } from './section.ts';

export const checkIssuers: Check = function* ({ tokens, routes = [] }, locate) {
  if (!tokens) return;
  yield* checkDistinct(tokens, locate);
  const trusted = tokens.trusted_issuers.map(({ issuer }) => issuer);
  for (const [index, { issuers }] of routes.entries()) {
    for (const [place, issuer] of issuers.entries()) {
      if (issuer === SELF || trusted.includes(issuer)) continue;
      const hint = issuer === tokens.issuer ? suggestion(SELF, [SELF]) : nearestIssuer(issuer, trusted, locate);
      const message = `this issuer is not one of \`tokens.trusted_issuers\`${hint}`;
      yield { position: locate(['routes', index, 'issuers', place]), message };
    }
  }
};

/** A token is held against one issuer, which its `iss` names. */
function* checkDistinct({ issuer: own, trusted_issuers }: Sections['tokens'], locate: Locate): Iterable<Problem> {
  const seen = new Set<string>();
  for (const [index, { issuer }] of trusted_issuers.entries()) {
    const position = locate(['tokens', 'trusted_issuers', index, 'issuer']);
    if (issuer === own) yield { position, message: 'this is the `issuer` of the gateway itself' };
    if (seen.has(issuer)) yield { position, message: 'this issuer is in the list already' };
    seen.add(issuer);
  }
}

/** By its line: it may have come from a variable, which no message repeats. */
function nearestIssuer(issuer: string, trusted: readonly string[], locate: Locate): string {
  const index = trusted.indexOf(nearestWord(issuer, trusted) ?? '');
  if (index < 0) return suggestion(issuer, [SELF]);
  return `; did you mean that of line ${locate(['tokens', 'trusted_issuers', index, 'issuer']).line}?`;
}
