import { ConfigError, inOrder, isWarning, type Problem } from '../config/problem.ts';
import { tryConnections } from '../connections.ts';
import { checkConfig } from '../gateway.ts';
import { formats } from './problem-formats.ts';

export interface CheckOptions {
  readonly format?: keyof typeof formats;
  /** Whether to try what a sound file points at, too. */
  readonly online?: boolean;
}

/** What is the matter with all files together. */
export type CheckResult = 'sound' | 'not working' | 'mistaken';

/**
 * Tells all that is wrong with configurations and with the files that they name, and what to think over. On a terminal,
 * and wherever `text` is asked for, each problem comes with its line. Warnings are no obstacle.
 */
export async function check(files: readonly string[], { format, online }: CheckOptions): Promise<CheckResult> {
  const found = await Promise.all(files.map(async (file) => ({ file, problems: await problemsOf(file, online) })));
  const { stdout, stderr } = formats[format ?? (process.stderr.isTTY ? 'text' : 'lines')](found);
  process.stderr.write(stderr);
  process.stdout.write(stdout);
  return resultOf(found.flatMap(({ problems }) => problems));
}

export function resultOf(problems: readonly Problem[]): CheckResult {
  const errors = problems.filter((problem) => !isWarning(problem));
  if (errors.length === 0) return 'sound';
  return errors.every(({ code }) => code !== undefined) ? 'not working' : 'mistaken';
}

/** Errors of the file; or where there are none, its warnings and what does not work. */
export async function problemsOf(file: string, online = false): Promise<readonly Problem[]> {
  try {
    const { config, locate } = checkConfig(file);
    return inOrder([...config.warnings, ...(online ? await tryConnections(config, locate) : [])]);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}
