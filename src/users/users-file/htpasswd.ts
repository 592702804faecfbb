import { ConfigError, type Problem } from '../../config/problem.ts';
import { printable } from '../../config/section.ts';
import { isPlausibleUsername } from '../credentials.ts';
import { hashProblem } from '../password-hash/schemes.ts';
import type { FileUser } from './parse.ts';

/** Lines of `name:hash`, comments and blank lines. As with Apache, what follows a second colon is not read. */
export function parseHtpasswd(text: string, file: string): ReadonlyMap<string, FileUser> {
  const users = new Map<string, FileUser>();
  const problems: Problem[] = [];
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (/^\s*(#|$)/.test(line)) continue;
    const [username = '', password_hash = ''] = line.trimEnd().split(':');
    const message = lineProblem(username, password_hash, users);
    if (message !== undefined) problems.push({ position: { file, line: index + 1, column: 1 }, message });
    else users.set(username, { user: toUser(username), password_hash, disabled: false });
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return users;
}

function lineProblem(username: string, hash: string, users: ReadonlyMap<string, FileUser>): string | undefined {
  if (!isPlausibleUsername(username)) {
    return 'expected name:hash, the name of 1 to 256 characters, none of them a control character';
  }
  return users.has(username) ? `repeated user \`${printable(username)}\`` : hashProblem(hash);
}

function toUser(username: string): FileUser['user'] {
  return { sub: username, username, attributes: { sub: username, username } };
}
