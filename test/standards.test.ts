import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

const rfcsIn = (file: string) => new Set(readFileSync(file, 'utf8').match(/RFC \d+/g));

test('docs/standards.md says of every RFC that the README names what is left out', () => {
  const told = rfcsIn('docs/standards.md');
  assert.ok(told.size > 0);
  assert.deepEqual(
    [...rfcsIn('README.md')].filter((rfc) => !told.has(rfc)),
    [],
  );
});
