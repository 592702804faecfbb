import type { RouteConfig } from '../config/schema.ts';
import { includesAll, type Security } from './security.ts';

/** What a route says of who may pass. */
export type Access = Pick<RouteConfig, 'public' | 'scopes' | 'any_scope'>;

const ANY_TOKEN: Access = { public: false, scopes: [], any_scope: [] };

/** The access that lets through just those whom `security` lets, or fewer where a route cannot say it exactly. */
export function accessFor(security: Security, unsaid: 'public' | 'token'): { access: Access; exact: boolean } {
  const isPublic = security.kind === 'none' || (security.kind === 'unsaid' && unsaid === 'public');
  if (isPublic) return { access: { ...ANY_TOKEN, public: true }, exact: true };
  if (security.kind !== 'token') return { access: ANY_TOKEN, exact: true };
  const { alternatives } = security;
  const [first = []] = alternatives;
  const scopes = first.filter((scope) => alternatives.every((alternative) => alternative.includes(scope)));
  const rests = alternatives.map((alternative) => alternative.filter((scope) => !scopes.includes(scope)));
  if (rests.length === 1) return { access: { ...ANY_TOKEN, scopes }, exact: true };
  if (rests.every(({ length }) => length === 1)) {
    return { access: { ...ANY_TOKEN, scopes, any_scope: rests.flat() }, exact: true };
  }
  return { access: { ...ANY_TOKEN, scopes: [...first] }, exact: false };
}

/** The access that asks for what each of the two asks for, or for more where a route cannot say that. */
export function both(one: Access, other: Access): Access {
  if (one.public || other.public) return one.public ? other : one;
  const scopes = [...new Set([...one.scopes, ...other.scopes])];
  if (one.any_scope.length === 0 || other.any_scope.length === 0 || sameAccess(one, other)) {
    return { public: false, scopes, any_scope: one.any_scope.length > 0 ? one.any_scope : other.any_scope };
  }
  return { public: false, scopes: [...new Set([...scopes, ...other.any_scope])], any_scope: one.any_scope };
}

export function sameAccess(one: Access, other: Access): boolean {
  return one.public === other.public && isAtLeast(one, alternativesOf(other)) && isAtLeast(other, alternativesOf(one));
}

/** Whether all whom a route lets through have what one of the alternatives asks for. */
export function isAtLeast(route: Access, alternatives: readonly (readonly string[])[]): boolean {
  return alternativesOf(route).every((held) => alternatives.some((required) => includesAll(held, required)));
}

/** Whether all who have what one of the alternatives asks for are let through by a route. */
export function isAtMost(route: Access, alternatives: readonly (readonly string[])[]): boolean {
  const accepted = alternativesOf(route);
  return alternatives.every((held) => accepted.some((required) => includesAll(held, required)));
}

function alternativesOf({ scopes, any_scope }: Access): readonly (readonly string[])[] {
  return any_scope.length === 0 ? [scopes] : any_scope.map((scope) => [...scopes, scope]);
}
