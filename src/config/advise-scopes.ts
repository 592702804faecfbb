import type { Check, Locate, Path } from './check.ts';
import { nameLine, type Warning, type WarningCode, warning } from './problem.ts';
import { SELF } from './route-section.ts';
import type { ClientConfig, RouteConfig } from './schema.ts';
import { nearestWord } from './section.ts';

/** Scopes that only one side knows: often one of the two is misspelt. */
export const adviseScopes: Check = function* ({ routes, clients }, locate) {
  if (!routes || !clients) return;
  const granted = clients.flatMap(grantedTo);
  const needed = routes.flatMap(neededBy);
  // What other issuers grant is not known here.
  const ours = needed.filter(({ issuers }) => issuers.every((issuer) => issuer === SELF));
  yield* lonely('scope-of-no-client', 'no client has this scope', ours, granted, locate);
  yield* lonely('scope-of-no-route', 'no route needs this scope', granted, needed, locate);
};

interface PlacedScope {
  readonly scope: string;
  readonly path: Path;
}

function grantedTo({ scopes }: ClientConfig, index: number): PlacedScope[] {
  return scopes.map((scope, place) => ({ scope, path: ['clients', index, 'scopes', place] }));
}

function neededBy(route: RouteConfig, index: number) {
  const { issuers } = route;
  return (['scopes', 'any_scope'] as const).flatMap((key) =>
    route[key].map((scope, place) => ({ scope, issuers, path: ['routes', index, key, place] })),
  );
}

/** Others are named by their line: they may have come from a variable, which no message repeats. */
function* lonely(
  code: WarningCode,
  message: string,
  scopes: readonly PlacedScope[],
  others: readonly PlacedScope[],
  locate: Locate,
): Iterable<Warning> {
  const paths = new Map(others.map(({ scope, path }) => [scope, path]));
  const alone = scopes.filter(({ scope }) => !paths.has(scope));
  const candidates = alone.length * paths.size <= MOST_COMPARISONS ? [...paths.keys()] : [];
  for (const { scope, path } of alone) {
    const nearest = paths.get(nearestWord(scope, candidates) ?? '');
    const position = locate(path);
    const hint = nearest ? `; did you mean that of ${nameLine(locate(nearest), position.file)}?` : '';
    yield warning(code, position, message + hint);
  }
}

/** Of scopes with each other; beyond it takes seconds, and no slip of the fingers is so frequent. */
const MOST_COMPARISONS = 100_000;
