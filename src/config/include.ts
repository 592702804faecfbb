import { existsSync } from 'node:fs';
import { isAbsolute, join, sep } from 'node:path';
import { namesIn } from './read-text.ts';

export interface Included {
  /** In the order of their names. */
  readonly files: readonly string[];
  /** Those in which names were compared with the pattern. */
  readonly folders: readonly string[];
}

/**
 * Finds the files that a path names in which `*` stands for any part of one name, as in a shell: also for none, but not for
 * a dot at the beginning. A path without `*` names itself, whether it exists or not.
 *
 * @throws Unreadable where a folder cannot be looked into.
 */
export function findIncluded(pattern: string): Included {
  const folders: string[] = [];
  let found = [isAbsolute(pattern) ? sep : '.'];
  for (const name of pattern.split(sep).filter((part) => part !== '')) {
    const chosen = folders.length > 0;
    if (name.includes('*')) {
      folders.push(...found);
      found = found.flatMap((folder) => matching(folder, name));
    } else {
      found = found.map((folder) => join(folder, name)).filter((path) => !chosen || existsSync(path));
    }
  }
  return { files: found.sort(), folders };
}

function matching(folder: string, pattern: string): string[] {
  const expression = new RegExp(`^${pattern.split('*').map(literally).join('.*')}$`, 's');
  return namesIn(folder)
    .filter((name) => expression.test(name) && (pattern.startsWith('.') || !name.startsWith('.')))
    .map((name) => join(folder, name));
}

function literally(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`);
}
