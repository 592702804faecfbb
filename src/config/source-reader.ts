import { dirname, isAbsolute, join, resolve } from 'node:path';
import type { GatewayFile } from './check.ts';
import { findIncluded, type Included } from './include.ts';
import { ConfigError, type Problem, warning } from './problem.ts';
import { readConfiguredFile, Unreadable } from './read-text.ts';
import { include, type Position } from './schema.ts';
import { printable } from './section.ts';
import { Source } from './source.ts';
import { replaceVariables } from './variables.ts';

const MAX_FILE_BYTES = 10 * 1024 * 1024;
const MAX_INCLUDED = 1000;

/** Reads gateway.yaml and the files that it includes, and remembers what it has read. */
export class SourceReader {
  /** Of variables that cannot be replaced. */
  readonly unresolved: Problem[] = [];
  /** Of `include`. */
  readonly problems: Problem[] = [];
  /** gateway.yaml, as it was given. */
  readonly file: string;
  /** The folder of gateway.yaml: paths in all files are relative to it, so that a part may be moved from one to another. */
  readonly directory: string;
  readonly #files = new Set<string>();

  constructor(file: string) {
    this.file = file;
    this.directory = dirname(resolve(file));
  }

  /** As in `Config`. */
  get files(): readonly string[] {
    return [...this.#files];
  }

  /** gateway.yaml first, the others in the order in which they are included. @throws ConfigError with all syntax errors. */
  read(): [Source, ...Source[]] {
    const main = this.#readFile(this.file);
    const problems: Problem[] = [];
    const others = this.#includedBy(main).flatMap((file) => {
      try {
        return [this.#readFile(file)];
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        problems.push(...error.problems);
        return [];
      }
    });
    if (problems.length > 0) throw new ConfigError(problems);
    return [main, ...others];
  }

  /** For `files`: what is named, and read by others. */
  noteNamed(paths: readonly string[]): void {
    for (const path of paths) this.#files.add(resolve(this.directory, path));
  }

  readonly beside: GatewayFile['beside'] = (path) => (isAbsolute(path) ? path : join(dirname(this.file), path));

  #readFile(file: string): Source {
    this.#files.add(resolve(file));
    const source = new Source(file, readConfiguredFile(file, MAX_FILE_BYTES));
    const replace = (text: string) => {
      const replaced = replaceVariables(text, this.directory);
      for (const path of replaced.files) this.#files.add(path);
      return replaced;
    };
    this.unresolved.push(...source.replaceTexts(replace));
    return source;
  }

  #includedBy(main: Source): readonly string[] {
    const files = patternsOf(main, this.problems).flatMap(({ pattern, position }) => this.#find(pattern, position));
    // A pattern for the folder of gateway.yaml does not mean gateway.yaml itself.
    const others = [...new Set(files)].filter((file) => resolve(file) !== resolve(this.file));
    if (others.length <= MAX_INCLUDED) return others;
    const message = `these are ${others.length} files; there may be ${MAX_INCLUDED}`;
    this.problems.push({ position: main.locate(['include']), message });
    return [];
  }

  #find(pattern: string, position: Position): readonly string[] {
    const { files, folders } = this.#look(this.beside(pattern), position);
    for (const folder of folders) this.#files.add(resolve(folder));
    if (files.length === 0) this.problems.push(warning('nothing-included', position, 'no file has such a name'));
    return files;
  }

  #look(pattern: string, position: Position): Included {
    try {
      return findIncluded(pattern);
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      this.problems.push({ position, message: `cannot look for ${printable(pattern)}: ${error.message}` });
      return { files: [], folders: [] };
    }
  }
}

interface Pattern {
  readonly pattern: string;
  readonly position: Position;
}

function patternsOf(main: Source, problems: Problem[]): readonly Pattern[] {
  if (!main.has(['include'])) return [];
  const { include: given } = main.toData() as { include: unknown };
  const { data: patterns = [], error } = include.safeParse(given);
  for (const { path, message } of error?.issues ?? []) {
    problems.push({ position: main.locate(['include', ...(path as number[])]), message });
  }
  return patterns.map((pattern, index) => ({
    pattern,
    position: main.locate(Array.isArray(given) ? ['include', index] : ['include']),
  }));
}
