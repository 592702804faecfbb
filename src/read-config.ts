import { advice } from './advice.ts';
import type { Check } from './config/check.ts';
import { checkRestart } from './config/check-restart.ts';
import { type Located, loadConfig, loadLocated } from './config/load.ts';
import type { Config } from './config/schema.ts';
import { checkNamedFiles } from './named-files.ts';
import { conflictingRoutes } from './routing/conflicts.ts';
import { parseDistinguishedName } from './tls/distinguished-name.ts';
import { hashProblem } from './users/password-hash/schemes.ts';

/** Reads gateway.yaml and everything in it that can be checked without running it. @throws ConfigError. */
export function readConfig(file: string): Config {
  return loadConfig(file, [...checks, ...advice]);
}

/**
 * As `readConfig`, and opens the files that it names, which a gateway does when it is made.
 *
 * @param further what else it is held against
 * @throws ConfigError.
 */
export function checkConfig(file: string, further: readonly Check[] = []): Located {
  return loadLocated(file, [...checks, ...advice, ...checkNamedFiles, ...further]);
}

/**
 * Reads the gateway.yaml of a gateway that runs, for it to go on with.
 *
 * @param files is given all that was read and all that is named, also where there are problems.
 * @throws ConfigError, also for changes that need another process.
 */
export function rereadConfig(running: Config, files: Set<string>): Config {
  return loadConfig(running.file, [...checks, ...advice, checkRestart(running)], files);
}

const unusableSecretHashes: Check = ({ clients = [] }, locate) =>
  clients.flatMap(({ secret_hash }, index) => {
    const problem = secret_hash && hashProblem(secret_hash);
    return problem ? [{ position: locate(['clients', index, 'secret_hash']), message: problem }] : [];
  });

const unreadableNames: Check = ({ clients = [] }, locate) =>
  clients.flatMap(({ tls_subject_dn }, index) => {
    if (tls_subject_dn === undefined || parseDistinguishedName(tls_subject_dn)) return [];
    const message = 'expected a distinguished name such as CN=app,O=Example (RFC 4514), with known types or OIDs';
    return [{ position: locate(['clients', index, 'tls_subject_dn']), message }];
  });

const checks: readonly Check[] = [
  ({ routes }) => (routes ? conflictingRoutes(routes) : []),
  unusableSecretHashes,
  unreadableNames,
];
