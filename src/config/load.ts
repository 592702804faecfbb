import { dirname, isAbsolute, join, resolve } from 'node:path';
import type { Check, Locate, Sections } from './check.ts';
import { crossChecks } from './cross-checks.ts';
import { namedFiles } from './named-files.ts';
import { parseSections } from './parse-sections.ts';
import { ConfigError, inOrder, isWarning, samePlace } from './problem.ts';
import { readConfiguredFile } from './read-text.ts';
import type { Config } from './schema.ts';
import { Source } from './source.ts';
import { replaceVariables } from './variables.ts';

const MAX_FILE_BYTES = 10 * 1024 * 1024;

/**
 * Reads gateway.yaml, synchronously: nothing is served before it is known to be sound, and it is small.
 *
 * @param checks what rooms above this one know to be wrong, such as two routes that could both win.
 * @param files is given all that is read and all that is named, as an absolute path: also where there are problems.
 * @throws ConfigError with every problem of the file at once. Warnings alone are none: the configuration has them.
 */
export function loadConfig(file: string, checks: readonly Check[] = [], files: Set<string> = new Set()): Config {
  return loadLocated(file, checks, files).config;
}

export interface Located {
  readonly config: Config;
  /** Where in the file its values are. */
  readonly locate: Locate;
}

/** As `loadConfig`, for who has more to say about the file. */
export function loadLocated(file: string, checks: readonly Check[], files: Set<string> = new Set()): Located {
  const directory = resolve(dirname(file));
  files.add(resolve(file));
  const source = new Source(file, readConfiguredFile(file, MAX_FILE_BYTES));
  const unresolved = source.replaceTexts((text) => replaceVariables(text, directory, files));
  const { sections, problems } = parseSections(source);
  for (const path of namedFiles(sections)) files.add(resolve(directory, path));
  const beside = (path: string) => (isAbsolute(path) ? path : join(dirname(file), path));
  const crossing = [...crossChecks, ...checks].flatMap((check) => [
    ...check(sections, source.locate, { file, directory, beside, isLiteral: source.isLiteral }),
  ]);
  // What a text without its variable looks like to the schema is no second problem.
  const others = [...problems, ...crossing].filter((problem) => !unresolved.some((known) => samePlace(known, problem)));
  const found = [...unresolved, ...others.filter((problem) => !source.ignores(problem))];
  if (!found.every(isWarning)) throw new ConfigError(found);
  const config = { file, directory, files: [...files], warnings: inOrder(found), ...(sections as Sections) };
  return { config, locate: source.locate };
}
