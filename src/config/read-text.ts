import { readdirSync, readFileSync, statSync } from 'node:fs';
import { ConfigError } from './problem.ts';

/** Why a file cannot be read, as the end of a sentence: `it does not exist`. */
export class Unreadable extends Error {
  override readonly name = 'Unreadable';
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'it does not exist',
  ENOTDIR: 'it does not exist',
  EACCES: 'permission is denied',
  EPERM: 'permission is denied',
  ELOOP: 'its symbolic links go round in circles',
};

/**
 * The text of a UTF-8 file of at most `maxBytes`, without a byte order mark.
 *
 * @throws Unreadable
 */
export function readText(path: string, maxBytes: number): string {
  const bytes = readBytes(path, maxBytes);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new Unreadable('it is not UTF-8', { cause });
  }
}

/** As `readText`, of a file that the configuration names. @throws ConfigError */
export function readConfiguredFile(path: string, maxBytes: number): string {
  try {
    return readText(path, maxBytes);
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    const position = { file: path, line: 1, column: 1 };
    throw new ConfigError([{ position, message: `cannot read it: ${error.message}` }]);
  }
}

/** The names in a folder; none where there is no such folder. @throws Unreadable */
export function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw unreadable(cause);
  }
}

function readBytes(path: string, maxBytes: number): Buffer {
  try {
    const stats = statSync(path);
    if (stats.isDirectory()) throw new Unreadable('it is a directory');
    // A pipe or a device may never end.
    if (!stats.isFile()) throw new Unreadable('it is not a regular file');
    if (stats.size > maxBytes) throw new Unreadable(`it is larger than ${maxBytes / 1024} kb`);
    return readFileSync(path);
  } catch (cause) {
    throw cause instanceof Unreadable ? cause : unreadable(cause);
  }
}

export function unreadable(cause: unknown): Unreadable {
  const code = String((cause as NodeJS.ErrnoException).code);
  return new Unreadable(REASONS[code] ?? `the system says ${code}`, { cause });
}
