import { resolve } from 'node:path';
import type { Check } from './config/check.ts';
import { ConfigError, type Problem, type Warning, warning } from './config/problem.ts';
import { readText, Unreadable } from './config/read-text.ts';
import type { Position, UserStoreConfig } from './config/schema.ts';
import { withCause } from './errors.ts';
import { readCertificates } from './tls/certificate-files.ts';
import { lookAtKeys } from './tokens/keys-directory.ts';
import { readUsers } from './users/file.ts';
import { HashPool } from './users/password-hash/hash-pool.ts';
import { PasswordChecker } from './users/password-hash/password-checker.ts';

/** Opens the files that gateway.yaml names, as the gateway would, without making or changing any. */
export const checkNamedFiles: readonly Check[] = [
  function* ({ users = {} }, locate, { beside }) {
    for (const [name, store] of Object.entries(users)) {
      if (store.type === 'file') yield* checkUsers(beside(store.path), store, locate(['users', name, 'path']));
    }
  },

  function* ({ tokens }, locate, { directory }) {
    if (tokens?.signing.keys_dir === undefined) return;
    const { keys_dir, algorithm } = tokens.signing;
    const position = locate(['tokens', 'signing', 'keys_dir']);
    yield* attempt(position, () => lookAtKeys(resolve(directory, keys_dir), algorithm));
  },

  function* ({ listen }, locate, { directory }) {
    if (!listen) return;
    const key = listen.tls ? 'tls' : 'client_certificate_ca_file';
    yield* attempt(locate(['listen', key], 'key'), () => readCertificates(listen, directory));
  },
];

function* checkUsers(
  path: string,
  store: Extract<UserStoreConfig, { type: 'file' }>,
  position: Position,
): Iterable<Problem> {
  try {
    readText(path, Number.POSITIVE_INFINITY);
    // No password is checked, so that its bounds mean nothing.
    const passwords = new PasswordChecker(new HashPool({ concurrent_checks: 1, queue: 0 }), store);
    const users = [...readUsers(path, passwords).values()];
    const weak = users.filter(({ password }) => passwords.isWeak(password.password_hash));
    if (weak.length > 0)
      yield weakHashes(
        weak.map(({ password }) => passwords.schemeName(password.password_hash)),
        users.length,
        position,
      );
  } catch (error) {
    if (error instanceof Unreadable) yield { position, message: `cannot read it: ${error.message}` };
    else if (error instanceof ConfigError) yield* error.problems;
    else throw error;
  }
}

function weakHashes(schemes: readonly (string | undefined)[], users: number, position: Position): Warning {
  const names = [...new Set(schemes)].sort().join(', ');
  const message = `${schemes.length} of ${users} users have a hash that protects no password once it is stolen (${names})`;
  return warning('weak-hash', position, message);
}

/** A problem when `act` throws. */
function* attempt(position: Position, act: () => unknown): Iterable<Problem> {
  try {
    act();
  } catch (error) {
    yield { position, message: withCause(error as Error) };
  }
}
