/** One segment of a route's `path` as gateway.yaml has it. */
export type Segment =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'parameter'; readonly name: string };

/** A route's `path`: `/a/{name}/**`. */
export interface Pattern {
  readonly segments: readonly Segment[];
  /** Whether it ends in `/**`: this and all below it. */
  readonly tail: boolean;
}

/** Takes a path that the schema has accepted. Literals come out in the spelling of a canonical request path. */
export function parsePattern(path: string): Pattern {
  const tail = path.endsWith('/**');
  const rest = tail ? path.slice(0, -'/**'.length) : path;
  return { segments: rest === '' ? [] : rest.slice(1).split('/').map(segment), tail };
}

function segment(text: string): Segment {
  if (text.startsWith('{')) return { kind: 'parameter', name: text.slice(1, -1) };
  return { kind: 'literal', text: escaped(text) };
}

/** Literals as they are in a canonical request path: what is not ASCII is escaped. */
export function escaped(literal: string): string {
  return literal.replace(/[^\x21-\x7e]+/g, encodeURIComponent);
}

export function parameterNames(segments: readonly Segment[]): string[] {
  return segments.flatMap((segment) => (segment.kind === 'parameter' ? [segment.name] : []));
}

/** What a route without `methods` answers. */
export const DEFAULT_METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;

/** A host as it is compared: lower-case, without the dot at its end, the port kept (`api.example.com:8443`). */
export function comparableHost(host: string): string {
  return host.toLowerCase().replace(/\.(?=:\d*$|$)/, '');
}
