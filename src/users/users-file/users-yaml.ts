import * as z from 'zod';
import type { Path } from '../../config/check.ts';
import { ConfigError, type Problem } from '../../config/problem.ts';
import { section } from '../../config/section.ts';
import { Source } from '../../config/source.ts';
import { flag, text } from '../../config/values.ts';
import { isPlausibleUsername } from '../credentials.ts';
import type { FileUser, PasswordProblem } from './parse.ts';

/** This much takes the YAML parser about half a second, on the thread that serves requests. */
const MAX_CHARACTERS = 512 * 1024;

const passwordKeys = {
  password_hash: z.string({ error: 'expected a `password_hash` in text' }),
  password_salt: text.optional(),
};
const storedPassword = z.object(passwordKeys);

const userEntry = section({
  ...passwordKeys,
  disabled: flag.default(false),
  attributes: z
    .object({ sub: text.optional() }, { error: 'expected a mapping of attributes to values' })
    .catchall(z.json())
    .refine((attributes) => !('username' in attributes), 'the attribute `username` is always the key of the entry')
    .default({}),
});

/** A mapping of usernames to their `password_hash`, `password_salt`, `disabled` and `attributes`. */
export function parseUsersYaml(yaml: string, file: string, problemOf: PasswordProblem): ReadonlyMap<string, FileUser> {
  if (yaml.length > MAX_CHARACTERS)
    throw wholeFile(file, 'larger than 512 kb: keep this many users in an htpasswd file');
  const source = new Source(file, yaml);
  const entries = source.toData() ?? {};
  if (typeof entries !== 'object' || Array.isArray(entries)) {
    throw wholeFile(file, 'expected a mapping of usernames to users, or lines of name:hash');
  }
  const users = new Map<string, FileUser>();
  const problems: Problem[] = [];
  for (const [username, entry] of Object.entries(entries)) {
    const parsed = userEntry.safeParse(entry);
    problems.push(...usernameProblems(username, source), ...entryProblems(username, parsed.error, source));
    problems.push(...passwordProblems(username, entry, problemOf, source));
    if (parsed.success) users.set(username, toFileUser(username, parsed.data));
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return users;
}

function wholeFile(file: string, message: string): ConfigError {
  return new ConfigError([{ position: { file, line: 1, column: 1 }, message }]);
}

function toFileUser(username: string, { disabled, attributes, ...password }: z.output<typeof userEntry>): FileUser {
  const sub = attributes.sub ?? username;
  const user = { sub, username, attributes: { ...attributes, sub, username } };
  return { user, password: { username, ...password }, disabled };
}

function usernameProblems(username: string, source: Source): Problem[] {
  if (isPlausibleUsername(username)) return [];
  const message = 'a username has 1 to 256 characters, none of them a control character';
  return [{ position: source.locate([username], 'key'), message }];
}

function passwordProblems(username: string, entry: unknown, problemOf: PasswordProblem, source: Source): Problem[] {
  const { data } = storedPassword.safeParse(entry);
  const message = data && problemOf({ username, ...data });
  return message === undefined ? [] : [{ position: source.locate([username, 'password_hash']), message }];
}

function entryProblems(username: string, error: z.ZodError | undefined, source: Source): Problem[] {
  return (error?.issues ?? []).flatMap((issue) => {
    const path = [username, ...(issue.path as Path)];
    if (issue.code !== 'unrecognized_keys') return [{ position: source.locate(path), message: issue.message }];
    const messages = issue.message.split('\n'); // One line a key.
    return issue.keys.map((key, index) => ({
      position: source.locate([...path, key], 'key'),
      message: messages[index] ?? issue.message,
    }));
  });
}
