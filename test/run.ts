import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { bundle } from '../scripts/bundle.ts';
import { searchOverheard } from './leak-search.ts';
import { BUNDLE } from './support/cli.ts';
import { provideRedis } from './support/redis.ts';

/**
 * `npm test [-- PART]`: runs all test files, or those whose path contains PART, beside a real Redis.
 *
 * What gateways have said in them is then searched for the secrets of all of them.
 *
 * They run compiled, for each of their processes, and each of the threads that check hashes, would load a TypeScript
 * compiler of its own otherwise: three times the time. What they start as a process of its own is the bundle, as it is shipped.
 */

/** More than there are cores, for tests wait too. */
const PROCESSES_AT_ONCE = 4;

/** The files of such a folder share a process: to load all modules of a gateway takes longer than many of them run. The longest are first. */
const TOGETHER: readonly string[] = [
  'users',
  'oauth',
  'tokens',
  'guard',
  'interop',
  'proxy',
  'limits',
  'config',
  'password-hash',
  'openapi',
  'routing',
  'store',
  'observe',
  'tls',
];

const part = process.argv[2] ?? '';
const files = readdirSync('test', { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.test.ts'))
  .map((name) => `build/test/${name.replace(/ts$/, 'js')}`)
  .filter((name) => name.includes(part))
  .sort();
if (files.length === 0) throw new Error(`no test file has ${part} in its path`);

await bundle(BUNDLE);
const overheard = mkdtempSync(join(tmpdir(), 'postern-overheard-'));
const redis = await provideRedis();
process.stdout.write(`${redis.how}\n`);
const options = ['--enable-source-maps', '--test', `--test-concurrency=${PROCESSES_AT_ONCE}`, '--test-reporter=spec'];
const tests = spawn(process.execPath, [...options, ...programs()], {
  stdio: 'inherit',
  env: { ...process.env, REDIS_URL: redis.url, POSTERN_TEST_OVERHEARD: overheard },
});
const [code] = await once(tests, 'exit');
await redis.stop();
const leaks = searchOverheard(overheard);
rmSync(overheard, { recursive: true });
for (const leak of leaks) process.stderr.write(`leak: ${leak}\n`);
process.exitCode = leaks.length > 0 ? 1 : Number(code ?? 1);

/** What each process runs: all files of a folder, or one. Folders take longest, so they begin. */
function programs(): readonly string[] {
  const ofFolder = (folder: string) => files.filter((file) => basename(dirname(file)) === folder);
  const folders = TOGETHER.filter((folder) => ofFolder(folder).length > 0);
  const alone = files.filter((file) => !TOGETHER.includes(basename(dirname(file))));
  return [...folders.map((folder, index) => together(index, ofFolder(folder))), ...alone];
}

/** Node sorts what it is given, so a number tells when it begins. */
function together(index: number, members: readonly string[]): string {
  const program = `build/test/${String(index).padStart(2, '0')}.together.js`;
  writeFileSync(program, members.map((file) => `import '${pathToFileURL(resolve(file))}';\n`).join(''));
  return program;
}
