import { readConfig } from '../gateway.ts';

/** Says that a configuration is sound. @throws ConfigError with all that is wrong with it. */
export function check(file: string): void {
  readConfig(file);
  process.stdout.write(`${file}: no problems\n`);
}
