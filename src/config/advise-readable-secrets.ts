import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Check, Path, Sections } from './check.ts';
import { type Warning, warning } from './problem.ts';
import type { Position } from './schema.ts';
import { printable } from './section.ts';

/** Reading or writing, for the group or for everybody. */
const OTHERS = 0o066;

/**
 * Warns of files with secrets that others than their owner can read or write: those that gateway.yaml names, and itself
 * (or what it includes) where a secret stands in it that is no variable.
 */
export const adviseReadableSecrets: Check = function* (sections, locate, { beside, isLiteral }) {
  for (const path of secretsOf(sections).filter(isLiteral)) yield* exposed(locate(path).file, locate(path));
  for (const [path, name] of secretFilesOf(sections)) {
    for (const named of filesAt(beside(name))) yield* exposed(named, locate(path));
  }
};

/** Where secrets are, in the file or behind a variable. */
function secretsOf({ admin, store, tokens, clients = [], users = {} }: Partial<Sections>): readonly Path[] {
  const places: [isSecret: boolean, Path][] = [
    [Boolean(admin?.token), ['admin', 'token']],
    [hasPassword(store?.redis), ['store', 'redis']],
    [tokens?.signing.encryption_key !== undefined, ['tokens', 'signing', 'encryption_key']],
    ...clients.map(({ secret }, index): [boolean, Path] => [secret !== undefined, ['clients', index, 'secret']]),
    ...Object.entries(users).flatMap(([name, store]): [boolean, Path][] => [
      [store.type === 'sql' && hasPassword(store.url), ['users', name, 'url']],
      [store.type === 'ldap' && store.bind_password !== undefined, ['users', name, 'bind_password']],
      [store.type === 'oauth' && store.client_secret !== undefined, ['users', name, 'client_secret']],
    ]),
  ];
  return places.filter(([isSecret]) => isSecret).map(([, path]) => path);
}

function hasPassword(url: string | undefined): boolean {
  return url !== undefined && URL.canParse(url) && new URL(url).password !== '';
}

/** What is secret as a whole: files, and folders of files. */
function secretFilesOf({ listen, tokens, users = {} }: Partial<Sections>): readonly (readonly [Path, name: string])[] {
  const places: [Path, name: string | undefined][] = [
    [['listen', 'tls', 'private_key_file'], listen?.tls?.private_key_file],
    [['tokens', 'signing', 'keys_dir'], tokens?.signing.keys_dir],
    ...Object.entries(users).map(([name, store]): [Path, string | undefined] => [
      ['users', name, 'path'],
      store.type === 'file' ? store.path : undefined,
    ]),
  ];
  return places.flatMap(([path, name]) => (name === undefined ? [] : [[path, name] as const]));
}

/** The files in a folder; anything else is its own. */
function filesAt(path: string): readonly string[] {
  try {
    return readdirSync(path).map((name) => join(path, name));
  } catch {
    return [path];
  }
}

/** Windows has no such modes, and what Node makes of its own says nothing. */
function* exposed(file: string, position: Position): Iterable<Warning> {
  const mode = modeOf(file);
  if (process.platform === 'win32' || (mode & OTHERS) === 0) return;
  const message = `others than its owner can read or write this secret (mode ${mode.toString(8)} of ${printable(file)}): chmod 600`;
  yield warning('readable-secret', position, message);
}

/** Zero for what is not there or cannot be looked at: those tell of it who read it. */
function modeOf(file: string): number {
  try {
    const status = statSync(file);
    return status.isFile() ? status.mode & 0o777 : 0;
  } catch {
    return 0;
  }
}
