import type { Check } from '../config/check.ts';
import { ConfigError, isWarning, type Problem } from '../config/problem.ts';
import { checkConfig } from '../gateway.ts';
import { checkAgainst } from '../openapi/check-against.ts';
import { readDescription } from '../openapi/description.ts';
import { readOperations } from '../openapi/operations.ts';
import { type ApiPlace, refuseBadPlace } from './api-place.ts';
import { formats } from './problem-formats.ts';

export interface CheckOptions extends ApiPlace {
  readonly format?: keyof typeof formats;
  /** An OpenAPI description. */
  readonly against?: string;
}

/**
 * Tells all that is wrong with configurations and with the files that they name, and what to think over. On a terminal,
 * and wherever `text` is asked for, each problem comes with its line.
 *
 * @returns whether they can be used: warnings are no obstacle.
 */
export function check(files: readonly string[], options: CheckOptions): boolean {
  refuseBadPlace(options);
  const found = files.map((file) => ({ file, problems: problemsOf(file, options) }));
  const { stdout, stderr } = formats[options.format ?? (process.stderr.isTTY ? 'text' : 'lines')](found);
  process.stderr.write(stderr);
  process.stdout.write(stdout);
  return found.every(({ problems }) => problems.every(isWarning));
}

/** Errors, or where there are none, warnings. */
export function problemsOf(file: string, options: CheckOptions = {}): readonly Problem[] {
  try {
    return checkConfig(file, furtherChecks(options)).warnings;
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

/** @throws ConfigError for a description that cannot be used. */
function furtherChecks({ against, ...place }: CheckOptions): readonly Check[] {
  if (against === undefined) return [];
  const { operations } = readOperations(readDescription(against), place.basePath);
  return [checkAgainst(operations, place)];
}
