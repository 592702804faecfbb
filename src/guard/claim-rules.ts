import type { RouteConfig } from '../config/schema.ts';
import { valueAt } from '../dotted-path.ts';

/** Whether each claim that `require` names is, or has, one of the values it may be. Values are compared as texts. */
export function meetsRules(claims: Readonly<Record<string, unknown>>, rules: RouteConfig['require']): boolean {
  return Object.entries(rules).every(([name, accepted]) =>
    textsOf(valueAt(claims, name)).some((value) => accepted.includes(value)),
  );
}

/** The texts, numbers, true and false that a claim is or lists; mappings and null are none of what a rule can name. */
function textsOf(claim: unknown): string[] {
  const values: readonly unknown[] = Array.isArray(claim) ? claim : [claim];
  return values.filter((value) => ['string', 'number', 'boolean'].includes(typeof value)).map(String);
}
