import type { Check, Locate, Sections } from './check.ts';
import { crossChecks } from './cross-checks.ts';
import { MergedSources } from './merged-sources.ts';
import { namedFiles } from './named-files.ts';
import { parseSections } from './parse-sections.ts';
import { ConfigError, inOrder, isWarning, samePlace } from './problem.ts';
import type { Config } from './schema.ts';
import { SourceReader } from './source-reader.ts';

/**
 * Reads gateway.yaml and what it includes, synchronously: nothing is served before it is known to be sound, and it is small.
 *
 * @param checks what rooms above this one know to be wrong, such as two routes that could both win.
 * @throws ConfigError with every problem of the file at once. Warnings alone are none: the configuration has them.
 */
export function loadConfig(file: string, checks: readonly Check[] = []): Config {
  return loadLocated(file, checks).config;
}

export interface Located {
  readonly config: Config;
  /** Where in its files its values are. */
  readonly locate: Locate;
}

/** As `loadConfig`, for who has more to say about the file. */
export function loadLocated(file: string, checks: readonly Check[]): Located {
  const reader = new SourceReader(file);
  try {
    return load(reader, [...crossChecks, ...checks]);
  } catch (error) {
    throw error instanceof ConfigError ? new ConfigError(error.problems, reader.files) : error;
  }
}

function load(reader: SourceReader, checks: readonly Check[]): Located {
  const sources = reader.read();
  const merged = new MergedSources(sources);
  const { sections, problems } = parseSections(merged);
  reader.noteNamed(namedFiles(sections));
  const { file, directory, beside, unresolved } = reader;
  const crossing = checks.flatMap((check) => [
    ...check(sections, merged.locate, { directory, beside, isLiteral: merged.isLiteral }),
  ]);
  const asWritten = sources.flatMap((source) => [...source.unknownCodes(), ...source.unbracedVariables()]);
  // What a text without its variable looks like to the schema is no second problem.
  const others = [...reader.problems, ...merged.problems, ...asWritten, ...problems, ...crossing].filter(
    (problem) => !unresolved.some((known) => samePlace(known, problem)),
  );
  const found = [...unresolved, ...others.filter((problem) => !merged.ignores(problem))];
  if (!found.every(isWarning)) throw new ConfigError(found);
  const config = { file, directory, files: reader.files, warnings: inOrder(found), ...(sections as Sections) };
  return { config, locate: merged.locate };
}
