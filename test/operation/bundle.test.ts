import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { BUNDLE } from '../support/cli.ts';
import { writeConfiguration } from '../support/gateway.ts';

/** How it serves, starts workers and checks hashes is seen in the other files of this folder, which run it. */
describe('the bundle', () => {
  test('has what a Koa developer imports', async () => {
    const index: typeof import('../../src/index.ts') = await import(pathToFileURL(join(BUNDLE, 'index.js')).href);
    const config = index.readConfig(join(writeConfiguration({ log: { level: 'error' } }), 'gateway.yaml'));
    const gateway = await index.createGateway(config);
    const { address } = await gateway.listen();
    const { status } = await fetch(`http://127.0.0.1:${address.port}/no-such-route`);
    await gateway.close();
    assert.equal(status, 404);
  });

  for (const [file, loaded, left] of [
    ['cli.js', 'commander/lib/command.js', ['koa/lib/application.js', 'yaml/dist/index.js', 'undici/']],
    ['index.js', 'koa/lib/application.js', ['ioredis/', 'koa-bodyparser/', 'undici/index.js', 'zod/v4/locales/de.js']],
  ] as const) {
    test(`of packages, ${file} loads at once what is used at once, and nothing of ${left.join(', ')}`, () => {
      const text = loadedAtOnce(file);
      assert.ok(text.includes(`// node_modules/${loaded}`));
      assert.deepEqual(
        left.filter((part) => text.includes(`// node_modules/${part}`)),
        [],
      );
    });
  }
});

/** A file, and all that it imports before it runs. */
function loadedAtOnce(name: string, known = new Set<string>()): string {
  if (known.has(name)) return '';
  known.add(name);
  const text = readFileSync(join(BUNDLE, name), 'utf8');
  const imports = text.matchAll(/^(?:import|\} from) "\.\/([^"]+)";$/gm);
  return [text, ...[...imports].map(([, imported = '']) => loadedAtOnce(imported, known))].join('');
}
