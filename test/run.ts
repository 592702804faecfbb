import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { searchOverheard } from './leak-search.ts';
import { provideRedis } from './support/redis.ts';

/**
 * `npm test [-- PART]`: runs all test files, or those whose path contains PART, beside a real Redis.
 *
 * What gateways have said in them is then searched for the secrets of all of them.
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

const overheard = mkdtempSync(join(tmpdir(), 'postern-overheard-'));
const redis = await provideRedis();
process.stdout.write(`${redis.how}\n`);
const options = ['--enable-source-maps', '--test', `--test-concurrency=${FILES_AT_ONCE}`, '--test-reporter=spec'];
const tests = spawn(process.execPath, [...options, ...files], {
  stdio: 'inherit',
  env: { ...process.env, REDIS_URL: redis.url, POSTERN_TEST_OVERHEARD: overheard },
});
const [code] = await once(tests, 'exit');
await redis.stop();
const leaks = searchOverheard(overheard);
rmSync(overheard, { recursive: true });
for (const leak of leaks) process.stderr.write(`leak: ${leak}\n`);
process.exitCode = leaks.length > 0 ? 1 : Number(code ?? 1);
