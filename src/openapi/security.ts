import { ConfigError, type Warning, warning } from '../config/problem.ts';
import { printable } from '../config/section.ts';
import { scopes as scopesSchema } from '../config/values.ts';
import type { Value } from './description.ts';

/** What a description says of who may call an operation, as far as tokens can tell. */
export type Security =
  /** Neither the operation nor the whole description says anything. */
  | { readonly kind: 'unsaid' }
  /** `security: []` of the operation itself. */
  | { readonly kind: 'none' }
  /** A token with all scopes of one alternative. None of them has all scopes of another. */
  | { readonly kind: 'token'; readonly alternatives: readonly (readonly string[])[] };

const UNSAID: Security = { kind: 'unsaid' };
const MAX_ALTERNATIVES = 100;

export type Tell = (note: Warning) => void;

/**
 * Reads `security` of an operation, or of the description where the operation has none.
 *
 * What is left out makes it stricter, and is told: schemes that the gateway knows nothing of, and alternatives to scopes that
 * need none.
 *
 * @param tell takes what was not understood exactly
 * @throws ConfigError
 */
export function readSecurity(
  own: Value | undefined,
  common: Value | undefined,
  schemes: Value | undefined,
  tell: Tell,
) {
  const list = own ?? common;
  const items = list?.items() ?? [];
  if (items.length > MAX_ALTERNATIVES) throw new ConfigError([(items[0] as Value).problem('too many alternatives')]);
  if (items.length === 0) return own === undefined ? UNSAID : ({ kind: 'none' } as const);
  const requirements = items.map((item) => readRequirement(item, schemes, tell));
  const named = requirements.filter(({ isAnonymous }) => !isAnonymous);
  if (named.length === 0) return UNSAID;
  const scoped = named.filter(({ hasScopes }) => hasScopes);
  const kept = scoped.length > 0 ? scoped : named;
  for (const { place } of requirements.filter((requirement) => !kept.includes(requirement))) {
    tell(
      warning('narrowed-security', place.position, 'this alternative asks for less than the others: it is left out'),
    );
  }
  return { kind: 'token', alternatives: withoutSupersets(kept.map(({ scopes }) => scopes)) } as const;
}

interface Requirement {
  readonly place: Value;
  /** `{}`: nobody has to be known. */
  readonly isAnonymous: boolean;
  /** Whether it is about scopes, if only about none of them. */
  readonly hasScopes: boolean;
  readonly scopes: readonly string[];
}

/** All of its schemes have to be met. */
function readRequirement(place: Value, schemes: Value | undefined, tell: Tell): Requirement {
  const entries = place.entries().map(([name, list]) => ({ name, list, kind: kindOf(schemes?.at(name)?.referred()) }));
  for (const { name, list, kind } of entries) tellForeign(name, kind, list, tell);
  const scopes = [...new Set(entries.flatMap(({ list }) => readScopes(list)))];
  const hasScopes = scopes.length > 0 || entries.some(({ kind }) => kind === 'scopes');
  return { place, isAnonymous: entries.length === 0, hasScopes, scopes };
}

/** What tells who calls: a token with scopes, a token of some kind, or what never reaches the gateway's checks. */
type SchemeKind = 'scopes' | 'bearer' | 'foreign' | 'unknown';

function kindOf(scheme: Value | undefined): SchemeKind {
  const type = scheme?.at('type')?.text;
  if (type === undefined) return 'unknown';
  if (type === 'oauth2' || type === 'openIdConnect') return 'scopes';
  return type === 'http' && scheme?.at('scheme')?.text?.toLowerCase() === 'bearer' ? 'bearer' : 'foreign';
}

function tellForeign(name: string, kind: SchemeKind, { position }: Value, tell: Tell): void {
  if (kind === 'unknown') {
    const message = `no security scheme is named \`${printable(name)}\`: its scopes are taken as they are`;
    tell(warning('unknown-scheme', position, message));
  }
  if (kind === 'foreign') {
    const message = `the gateway does not check \`${printable(name)}\`: it asks for a token, and leaves this to the API`;
    tell(warning('foreign-scheme', position, message));
  }
}

function readScopes(list: Value): readonly string[] {
  return list.items().map((item) => {
    const parsed = scopesSchema.safeParse([item.text]);
    if (!parsed.success) throw new ConfigError([item.problem(parsed.error.issues[0]?.message ?? 'expected a scope')]);
    return parsed.data[0] as string;
  });
}

/** Whoever has all scopes of a larger alternative has those of the smaller one too. */
function withoutSupersets(alternatives: readonly (readonly string[])[]): readonly (readonly string[])[] {
  return alternatives.filter(
    (one, index) =>
      !alternatives.some((other, place) => includesAll(one, other) && (one.length > other.length || place < index)),
  );
}

export function includesAll(scopes: readonly string[], required: readonly string[]): boolean {
  return required.every((scope) => scopes.includes(scope));
}
