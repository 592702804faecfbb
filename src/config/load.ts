import type { Check, Sections } from './check.ts';
import { crossChecks } from './cross-checks.ts';
import { MergedSources } from './merged-sources.ts';
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
  const reader = new SourceReader(file);
  try {
    return load(reader, [...crossChecks, ...checks]);
  } catch (error) {
    throw error instanceof ConfigError ? new ConfigError(error.problems, reader.files) : error;
  }
}

function load(reader: SourceReader, checks: readonly Check[]): Config {
  const sources = reader.read();
  const merged = new MergedSources(sources);
  const { sections, problems } = parseSections(merged);
  const { directory, beside, files, unresolved } = reader;
  const crossing = checks.flatMap((check) => [
    ...check(sections, merged.locate, { directory, beside, isLiteral: merged.isLiteral }),
  ]);
  const unknown = sources.flatMap((source) => source.unknownCodes());
  // What a text without its variable looks like to the schema is no second problem.
  const others = [...reader.problems, ...merged.problems, ...unknown, ...problems, ...crossing].filter(
    (problem) => !unresolved.some((known) => samePlace(known, problem)),
  );
  const found = [...unresolved, ...others.filter((problem) => !merged.ignores(problem))];
  if (!found.every(isWarning)) throw new ConfigError(found);
  return { directory, files, warnings: inOrder(found), ...(sections as Sections) };
}
