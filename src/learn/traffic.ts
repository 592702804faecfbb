import { GatewayError } from '../errors.ts';
import { foldSegment } from '../routing/fold.ts';
import { parseTarget } from '../routing/target.ts';
import type { LoggedRequest } from './read-log.ts';

/** Paths that are deeper, and more places than this, are left out. */
const MAX_DEPTH = 20;
const MAX_PLACES = 20_000;
const EXAMPLES = 3;

/** Why a request taught nothing. */
export type LeftOut = 'not served' | 'OPTIONS' | 'method' | 'path' | 'too many places';

/** The paths of requests that were served, as a tree of segments. Segments that vary are one. */
export class Traffic {
  readonly root = new Place('');
  readonly leftOut = new Map<LeftOut, number>();
  readonly #mostValues: number;
  #places = 1;

  /** @param mostValues how many literals may stand in one place before they are taken for values */
  constructor(mostValues: number) {
    this.#mostValues = mostValues;
  }

  add(request: LoggedRequest): void {
    const reason = this.#note(request);
    if (reason !== undefined) this.leftOut.set(reason, (this.leftOut.get(reason) ?? 0) + 1);
  }

  #note({ method, target, status }: LoggedRequest): LeftOut | undefined {
    if (!isServed(status)) return 'not served';
    if (method === 'OPTIONS') return 'OPTIONS';
    if (!METHODS.has(method)) return 'method';
    const segments = segmentsOf(target);
    if (segments === undefined || segments.length > MAX_DEPTH) return 'path';
    const open = segments.length > 1 && segments.at(-1) === '';
    const place = this.#placeOf(open ? segments.slice(0, -1) : segments);
    if (place === undefined) return 'too many places';
    place.open ||= open;
    place.requests.set(method, (place.requests.get(method) ?? 0) + 1);
    return undefined;
  }

  #placeOf(segments: readonly string[]): Place | undefined {
    let place: Place | undefined = this.root;
    for (const segment of segments) if (segment !== '') place = place && this.#step(place, segment);
    return place;
  }

  #step(place: Place, segment: string): Place | undefined {
    const key = foldSegment(segment);
    const known = place.varies || isValue(segment) ? place.value : place.literals.get(key);
    if (known) return known;
    if (this.#places >= MAX_PLACES) return undefined;
    this.#places += 1;
    if (place.varies || isValue(segment)) {
      place.value = new Place(segment);
      return place.value;
    }
    const added = new Place(segment);
    place.literals.set(key, added);
    if (place.literals.size <= this.#mostValues) return added;
    place.becomeValues();
    return place.value;
  }
}

/** A path that was asked for, and what is below it. */
export class Place {
  readonly segment: string;
  readonly requests = new Map<string, number>();
  readonly literals = new Map<string, Place>();
  value: Place | undefined;
  /** Whether it was asked for with a slash at its end. */
  open = false;
  /** Some of the literals that were taken for values. */
  examples: readonly string[] = [];

  constructor(segment: string) {
    this.segment = segment;
  }

  get varies(): boolean {
    return this.examples.length > 0;
  }

  becomeValues(): void {
    const literals = [...this.literals.values()];
    this.examples = literals.slice(0, EXAMPLES).map(({ segment }) => segment);
    this.value ??= new Place('');
    for (const literal of literals) this.value.absorb(literal);
    this.literals.clear();
  }

  absorb(other: Place): void {
    this.open ||= other.open;
    if (!this.varies) this.examples = other.examples;
    for (const [method, count] of other.requests) this.requests.set(method, (this.requests.get(method) ?? 0) + count);
    if (other.value) {
      this.value ??= new Place('');
      this.value.absorb(other.value);
    }
    for (const [key, literal] of other.literals) {
      const own = this.literals.get(key);
      if (own) own.absorb(literal);
      else this.literals.set(key, literal);
    }
    if (this.varies) this.becomeValues();
  }
}

/** What the API has served is what its clients ask for, and scanners do not. 301 and 308 say that it is elsewhere. */
function isServed(status: number): boolean {
  return status >= 200 && status < 400 && status !== 301 && status !== 308;
}

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']);

/** Undefined for a path that the gateway refuses. */
function segmentsOf(target: string): readonly string[] | undefined {
  try {
    return parseTarget(target).path.split('/').slice(1);
  } catch (error) {
    if (error instanceof GatewayError) return undefined;
    throw error;
  }
}

const MAX_LITERAL = 60;
const VALUES = [
  /^\d+$/, //                                     7
  /^\d{4}-\d\d-\d\d/, //                          2026-01-31
  /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i, // a UUID
  /^(?=.*\d)[\da-f]{12,}$/i, //                   a hash, an object id
  /^(?=.*\d.*\d)[\w-]{16,}$/, //                  another long key
  /^[a-z]{1,5}_(?=.*\d)\w{8,}$/i, //              cus_9s6XKzkNRiz8i3
  /[^\w.~!$&'+,=:-]/, //                          what a route could not have as a literal: escapes, `;`, `@`
  /^:/, //                                        what others take for a pattern
];

function isValue(segment: string): boolean {
  return segment.length > MAX_LITERAL || VALUES.some((pattern) => pattern.test(segment));
}
