import type { Check, Locate } from '../config/check.ts';
import { ConfigError, inOrder, type Problem } from '../config/problem.ts';
import type { Config } from '../config/schema.ts';
import { checkConfig } from '../read-config.ts';
import { type ApiPlace, refuseBadPlace } from './api-place.ts';
import { formats } from './problem-formats.ts';

export interface CheckOptions extends ApiPlace {
  readonly format?: keyof typeof formats;
  /** An OpenAPI description. */
  readonly against?: string;
  /** Whether to try what a sound file points at, too. */
  readonly online?: boolean;
}

/** What may be the matter with a file, the worst last. */
const RESULTS = ['sound', 'not working', 'mistaken'] as const;
export type CheckResult = (typeof RESULTS)[number];

interface Examined {
  readonly file: string;
  readonly problems: readonly Problem[];
  readonly result: CheckResult;
}

/**
 * Tells all that is wrong with configurations and with the files that they name, and what to think over. On a terminal,
 * and wherever `text` is asked for, each problem comes with its line.
 *
 * @returns what is the matter with the worst of them; warnings are no obstacle.
 */
export async function check(files: readonly string[], options: CheckOptions): Promise<CheckResult> {
  refuseBadPlace(options);
  const found = await Promise.all(files.map((file) => examine(file, options)));
  const { stdout, stderr } = formats[options.format ?? (process.stderr.isTTY ? 'text' : 'lines')](found);
  process.stderr.write(stderr);
  process.stdout.write(stdout);
  return RESULTS.findLast((result) => found.some((one) => one.result === result)) ?? 'sound';
}

/** Errors of the file; or where there are none, its warnings and what does not work. */
export async function examine(file: string, options: CheckOptions = {}): Promise<Examined> {
  try {
    const { config, locate } = checkConfig(file, await furtherChecks(options));
    const failures = options.online ? await failuresOf(config, locate) : [];
    const problems = inOrder([...config.warnings, ...failures]);
    return { file, problems, result: failures.length > 0 ? 'not working' : 'sound' };
  } catch (error) {
    if (error instanceof ConfigError) return { file, problems: error.problems, result: 'mistaken' };
    throw error;
  }
}

// What few checks need is loaded by those.

async function failuresOf(config: Config, locate: Locate): Promise<readonly Problem[]> {
  return (await import('../connections.ts')).tryConnections(config, locate);
}

/** @throws ConfigError for a description that cannot be used. */
async function furtherChecks({ against, ...place }: CheckOptions): Promise<readonly Check[]> {
  if (against === undefined) return [];
  const { readDescription } = await import('../openapi/description.ts');
  const { readOperations } = await import('../openapi/operations.ts');
  const { checkAgainst } = await import('../openapi/check-against.ts');
  const { operations } = readOperations(readDescription(against), place.basePath);
  return [checkAgainst(operations, place)];
}
