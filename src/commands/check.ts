import { ConfigError, isWarning, type Problem } from '../config/problem.ts';
import { checkConfig } from '../gateway.ts';
import { formats } from './problem-formats.ts';

export type CheckFormat = keyof typeof formats;

/**
 * Tells all that is wrong with configurations and with the files that they name, and what to think over. On a terminal,
 * and wherever `text` is asked for, each problem comes with its line.
 *
 * @returns whether they can be used: warnings are no obstacle.
 */
export function check(files: readonly string[], format: CheckFormat | undefined): boolean {
  const found = files.map((file) => ({ file, problems: problemsOf(file) }));
  const { stdout, stderr } = formats[format ?? (process.stderr.isTTY ? 'text' : 'lines')](found);
  process.stderr.write(stderr);
  process.stdout.write(stdout);
  return found.every(({ problems }) => problems.every(isWarning));
}

/** Errors, or where there are none, warnings. */
export function problemsOf(file: string): readonly Problem[] {
  try {
    return checkConfig(file).warnings;
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}
