import type { Locate, Path } from './config/check.ts';
import { type Finding, within } from './config/finding.ts';
import { inOrder, type Problem } from './config/problem.ts';
import type { Config } from './config/schema.ts';
import { probeClientKeys } from './oauth/client-authentication/probe-client-keys.ts';
import { probeTargets } from './proxy/upstreams.ts';
import { probeStore } from './store/probe.ts';
import { probeIssuer } from './tokens/trusted-issuer.ts';
import { probeUsers } from './users/user-stores.ts';

/**
 * Tries all that a configuration points at, at once, each within its own time-out. Nothing is changed, and no password is
 * sent but those that the configuration holds.
 */
export async function tryConnections(config: Config, locate: Locate): Promise<readonly Problem[]> {
  const { store, tokens, clients, users, upstreams, directory } = config;
  const tried: readonly (readonly [section: Path, Promise<readonly Finding[]>])[] = [
    [['store'], probeStore(store)],
    ...tokens.trusted_issuers.map(
      (issuer, index) => [['tokens', 'trusted_issuers', index], probeIssuer(issuer)] as const,
    ),
    ...clients.map((client, index) => [['clients', index], probeClientKeys(client)] as const),
    ...Object.entries(users).map(([name, section]) => [['users', name], probeUsers(section, directory)] as const),
    ...Object.entries(upstreams).map(([name, upstream]) => [['upstreams', name], probeTargets(upstream)] as const),
  ];
  const findings = await Promise.all(tried.map(async ([section, found]) => within(section, await found)));
  return inOrder(findings.flat().map(({ at, code, message }) => ({ position: locate(at), code, message })));
}
