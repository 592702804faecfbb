import { valueAt } from '../dotted-path.ts';

/**
 * The attributes that a store's configuration maps, each from one of the documents: `$.profile.name` from `$`. What a
 * document does not have is left out.
 *
 * @throws Error when there is no such document at all, or the `sub` in it is neither text nor a number.
 */
export function readAttributes(
  mapping: Readonly<Record<string, string>>,
  documents: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const read = Object.entries(mapping).map(([name, place]) => [name, readPlace(place, documents)] as const);
  const attributes = Object.fromEntries(read.filter(([, value]) => value !== undefined));
  return 'sub' in mapping ? { ...attributes, sub: readSubject(attributes.sub) } : attributes;
}

function readPlace(place: string, documents: Readonly<Record<string, unknown>>): unknown {
  const dot = place.indexOf('.');
  const document = documents[place.slice(0, dot)];
  if (document === undefined) throw new Error(`there is nothing that \`${place}\` could be read from`);
  return valueAt(document, place.slice(dot + 1));
}

function readSubject(sub: unknown): string {
  if (typeof sub === 'number' || (typeof sub === 'string' && sub !== '')) return String(sub);
  throw new Error('the `sub` is neither text nor a number');
}
