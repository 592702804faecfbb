import { ConfigError, type Problem } from '../../config/problem.ts';
import { printable } from '../../config/section.ts';
import { isPlausibleUsername } from '../credentials.ts';
import type { FileUser, PasswordProblem } from './parse.ts';

/** Lines of `name:hash`, comments and blank lines. As with Apache, what follows a second colon is not read. */
export function parseHtpasswd(text: string, file: string, problemOf: PasswordProblem): ReadonlyMap<string, FileUser> {
  const users = new Map<string, FileUser>();
  const problems: Problem[] = [];
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (/^\s*(#|$)/.test(line)) continue;
    const [username = '', password_hash = ''] = line.trimEnd().split(':');
    const password = { username, password_hash };
    const message = usernameProblem(username, users) ?? problemOf(password);
    if (message !== undefined) problems.push({ position: { file, line: index + 1, column: 1 }, message });
    else users.set(username, { user: toUser(username), password, disabled: false });
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return users;
}

function usernameProblem(username: string, users: ReadonlyMap<string, FileUser>): string | undefined {
  if (!isPlausibleUsername(username)) {
    return 'expected name:hash, the name of 1 to 256 characters, none of them a control character';
  }
  return users.has(username) ? `repeated user \`${printable(username)}\`` : undefined;
}

function toUser(username: string): FileUser['user'] {
  return { sub: username, username, attributes: { sub: username, username } };
}
