import type { HashedUser } from '../hashed-passwords.ts';
import type { StoredPassword } from '../password-hash/password-checker.ts';
import { parseHtpasswd } from './htpasswd.ts';
import { parseUsersYaml } from './users-yaml.ts';

export interface FileUser extends HashedUser {
  readonly password: StoredPassword;
}

/** Why no password can be checked against a stored one, in words that do not repeat it; undefined when one can. */
export type PasswordProblem = (stored: StoredPassword) => string | undefined;

/**
 * The users of a users.yaml or an Apache htpasswd file, by username. `file` is what problems call it.
 *
 * @throws ConfigError with every problem of the file at once, none of which repeats a hash.
 */
export function parseUsersFile(text: string, file: string, problemOf: PasswordProblem): ReadonlyMap<string, FileUser> {
  return isHtpasswd(text) ? parseHtpasswd(text, file, problemOf) : parseUsersYaml(text, file, problemOf);
}

/**
 * Told by the first line that is neither blank nor a comment. `name:hash` is htpasswd. YAML wants white space or the
 * line's end behind the colon of a mapping, and htpasswd has neither there. Whatever starts like quoted or bracketed
 * YAML is YAML, as its texts may hold any colon.
 */
function isHtpasswd(text: string): boolean {
  const first = text.split(/\r?\n/).find((line) => /^\s*[^\s#]/.test(line)) ?? '';
  return /^[^"'{[].*:\S/.test(first) && !/:(\s|$)/.test(first.trimEnd());
}
