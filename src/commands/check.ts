import { formatProblem } from '../config/problem.ts';
import { readConfig } from '../gateway.ts';

/** Says that a configuration is sound, and what to think over. @throws ConfigError with all that is wrong with it. */
export function check(file: string): void {
  const { warnings } = readConfig(file);
  process.stderr.write(warnings.map((warning) => `${formatProblem(warning)}\n`).join(''));
  process.stdout.write(`${file}: ${warnings.length > 0 ? 'no errors' : 'no problems'}\n`);
}
