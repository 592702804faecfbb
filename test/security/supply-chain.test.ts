/**
 * Whoever gets into a dependency is in the gateway, beside its keys and passwords: by a script that runs when it is installed,
 * by other bytes than were reviewed under the same version, or by a flaw that everybody knows but those who have it installed.
 *
 * The promise: nothing runs at installation, what is installed is what the lockfile has the digest of, and each package, its
 * version and its licence is written down in docs/dependencies.md, beside what is known against it.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { DOCUMENT, productionPackages, withTable } from '../dependencies/lockfile.ts';

const packages = productionPackages();

/** Those that ask for no more than their notice. */
const LICENCES = ['MIT', 'ISC', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'BlueOak-1.0.0', '0BSD'];

test('no package in production has a script that runs when it is installed', () => {
  assert.ok(packages.length > 50);
  const scripts = packages.flatMap(({ name, hasInstallScript }) => (hasInstallScript ? [name] : []));
  assert.deepEqual(scripts, []);
  assert.deepEqual(
    packages.flatMap(({ name }) => installScripts(name)),
    [],
  );
});

/** What npm runs by itself when packages are installed: also `dependencies`, which would fail without those for development. */
const AT_INSTALLATION = ['preinstall', 'install', 'postinstall', 'prepare', 'prepublish', 'dependencies'];

test('nor has the project itself', () => {
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> };
  assert.deepEqual(
    AT_INSTALLATION.filter((event) => event in scripts),
    [],
  );
});

test('the lockfile has the digest of every package, and no registry is written down in it', () => {
  assert.deepEqual(
    packages.filter(({ integrity = '' }) => !integrity.startsWith('sha512-')),
    [],
  );
  assert.doesNotMatch(readFileSync('package-lock.json', 'utf8'), /"resolved"/);
});

test('every licence is one that asks for no more than its notice', () => {
  assert.deepEqual(
    packages.filter(({ license = '' }) => !LICENCES.includes(license)),
    [],
  );
});

test('docs/dependencies.md has every package; `npm run docs:dependencies` writes its table', () => {
  const document = readFileSync(DOCUMENT, 'utf8');
  assert.equal(document, withTable(document));
});

test('docs/dependencies.md says of every package with code what is known against it', () => {
  const [, advisories = ''] = readFileSync(DOCUMENT, 'utf8').split(/^## /m);
  const names = packages.filter(({ isPlatform }) => !isPlatform).map(({ name }) => name);
  assert.deepEqual(
    names.filter((name) => !/^@types\/|^undici-types$/.test(name) && !advisories.includes(`\`${name}\``)),
    [],
  );
});

test('`npm run sbom` prints a bill of materials', () => {
  const { stdout, stderr, status } = spawnSync('npm', ['run', '--silent', 'sbom'], {
    encoding: 'utf8',
    maxBuffer: 1e8,
  });
  assert.equal(status, 0, stderr);
  const { bomFormat, components } = JSON.parse(stdout) as { bomFormat: string; components: { name: string }[] };
  assert.equal(bomFormat, 'CycloneDX');
  assert.ok(components.some(({ name }) => name === 'undici'));
  assert.ok(!components.some(({ name }) => name === 'typescript'));
});

/** What the package itself says, for a lockfile can be wrong. */
function installScripts(name: string): string[] {
  const file = `node_modules/${name}/package.json`;
  if (!existsSync(file)) return [];
  const { scripts = {} } = JSON.parse(readFileSync(file, 'utf8')) as { scripts?: Record<string, string> };
  const running = ['preinstall', 'install', 'postinstall'].filter((event) => event in scripts);
  return running.map((event) => `${name} ${event}`);
}
