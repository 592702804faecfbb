import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { provideRedis } from './support/redis.ts';

/**
 * `npm test [-- PART]`: runs all test files, or those whose path contains PART, beside a real Redis.
 *
 * They run compiled, for each of their processes, and each of the threads that check hashes, would load a TypeScript
 * compiler of its own otherwise: three times the time.
 */

/** More than there are cores: most of a test's time is waiting. */
const FILES_AT_ONCE = 4;

const part = process.argv[2] ?? '';
const files = readdirSync('test', { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.test.ts'))
  .map((name) => `build/test/${name.replace(/ts$/, 'js')}`)
  .filter((name) => name.includes(part))
  .sort();
if (files.length === 0) throw new Error(`no test file has ${part} in its path`);

const redis = await provideRedis();
process.stdout.write(`${redis.how}\n`);
const options = ['--enable-source-maps', '--test', `--test-concurrency=${FILES_AT_ONCE}`, '--test-reporter=spec'];
const tests = spawn(process.execPath, [...options, ...files], {
  stdio: 'inherit',
  env: { ...process.env, REDIS_URL: redis.url },
});
const [code] = await once(tests, 'exit');
await redis.stop();
process.exitCode = Number(code ?? 1);
