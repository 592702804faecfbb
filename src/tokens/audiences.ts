import type { RouteConfig } from '../config/schema.ts';

/** What tokens of an issuer may be for: its own audience, and those that routes which take them expect instead. */
export function audiencesOf(audience: string, issuer: string, routes: readonly RouteConfig[]): string[] {
  const taking = routes.filter(({ issuers }) => issuers.includes(issuer));
  return [...new Set([audience, ...taking.map((route) => route.audience ?? audience)])];
}
