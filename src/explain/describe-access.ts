import { SELF } from '../config/route-section.ts';
import type { RouteConfig } from '../config/schema.ts';

/** `orders.read and one of orders.write, admin; roles is agent or admin`. */
export function describeAccess({ public: isPublic, scopes, any_scope, require, issuers, mode }: RouteConfig): string {
  if (isPublic) return 'public';
  const alternatives = any_scope.length > 0 ? [oneOf(any_scope)] : [];
  const needed = [...scopes, ...alternatives].join(' and ') || 'any token';
  const rules = Object.entries(require).map(([claim, accepted]) => `${claim} is ${accepted.join(' or ')}`);
  const others = issuers.length > 1 || issuers[0] !== SELF ? [`issued by ${issuers.join(' or ')}`] : [];
  return [needed, ...rules, ...others, ...(mode === 'report' ? ['only reported'] : [])].join('; ');
}

function oneOf(scopes: readonly string[]): string {
  return scopes.length > 1 ? `one of ${scopes.join(', ')}` : String(scopes[0]);
}
