import type { Draft, Method } from '../drafts/draft.ts';
import { DEFAULT_METHODS } from '../routing/pattern.ts';
import type { Place, Traffic } from './traffic.ts';

const READING: readonly string[] = ['GET', 'HEAD'];

/** Routes for what was served: a path has one for reading and one for all else. None of them is public. */
export function draftFromTraffic({ root }: Traffic, upstream: string): readonly Draft[] {
  return [...placesBelow(root, [])].flatMap(({ place, segments, comments }) => {
    const methods = DEFAULT_METHODS.filter((method): method is Method => place.requests.has(method));
    const groups = [methods.filter(isReading), methods.filter((method) => !isReading(method))];
    return groups.flatMap((group) => (group.length > 0 ? [draftOf(place, segments, group, comments)] : []));
  });

  function draftOf(place: Place, segments: readonly string[], methods: readonly Method[], comments: readonly string[]) {
    const counts = methods.map((method) => `${place.requests.get(method)} ${method}`).join(', ');
    const access = isReading(methods[0] as Method) ? 'read' : 'write';
    return {
      path: pathOf(place, segments),
      methods,
      public: false,
      scopes: [`${resourceOf(segments)}.${access}`],
      any_scope: [],
      upstream,
      review: 'review: suggested by its path',
      comments: [counts, ...comments],
    };
  }
}

function isReading(method: string): boolean {
  return READING.includes(method);
}

interface Found {
  readonly place: Place;
  readonly segments: readonly string[];
  readonly comments: readonly string[];
}

function* placesBelow(place: Place, segments: readonly string[], comments: readonly string[] = []): Iterable<Found> {
  const open = place.open ? ['a slash at the end can only be said as /**'] : [];
  if (place.requests.size > 0) yield { place, segments, comments: [...comments, ...open] };
  const literals = [...place.literals.values()].sort((a, b) => (a.segment < b.segment ? -1 : 1));
  for (const literal of literals) yield* placesBelow(literal, [...segments, literal.segment], comments);
  if (place.value === undefined) return;
  const name = nameFor(segments);
  const varied = place.varies ? [`${name} was ${place.examples.join(', ')} and others`] : [];
  yield* placesBelow(place.value, [...segments, name], [...comments, ...varied]);
}

function nameFor(segments: readonly string[]): string {
  const others = segments.filter((segment) => segment.startsWith('{')).length;
  return others === 0 ? '{id}' : `{id${others + 1}}`;
}

function pathOf({ open }: Place, segments: readonly string[]): string {
  return `/${segments.join('/')}${open ? '/**' : ''}`;
}

/** `orders` of `/api/v1/orders/{id}`: the first word that says what it is about. */
function resourceOf(segments: readonly string[]): string {
  return segments.find((segment) => !/^(\{.*|api|rest|v\d[\d.]*)$/i.test(segment)) ?? 'api';
}
