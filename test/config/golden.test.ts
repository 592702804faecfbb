import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { advice } from '../../src/advice.ts';
import { loadConfig } from '../../src/config/load.ts';
import { ConfigError, formatProblem } from '../../src/config/problem.ts';

const FOLDER = 'test/config/golden/';

const SECRET = 'correct horse battery staple';

/** What the variables in the golden files stand for. NOT_SET is not set. */
Object.assign(process.env, {
  EMPTY: '',
  PORT: '8088',
  YES: 'true',
  ISSUER: 'https://apis.example.com/auth/v1',
  CLIENT: 'the-client-from-a-variable',
  ADMIN_TOKEN: 'the-token-from-a-variable',
  PASSWORD: SECRET,
  NESTED: `\${PORT}`,
  INJECTION: 'info\n  format: pretty\nadmin: { token: injected }',
});
delete process.env.NOT_SET;

/** Each golden pair is a gateway.yaml and what it must say: its problems or warnings, or what it is read as. */
for (const file of readdirSync(FOLDER).filter((name) => name.endsWith('.yaml'))) {
  test(`${file} says what ${file.replace('.yaml', '.txt')} says`, () => {
    const said = say(file);
    assert.equal(said, readFileSync(join(FOLDER, file.replace('.yaml', '.txt')), 'utf8'));
    if (file.startsWith('variables-never-told')) {
      assert.doesNotMatch(said, new RegExp(`${SECRET}|from-a-variable`));
    }
  });
}

test('every text in the folder belongs to a gateway.yaml', () => {
  const names = readdirSync(FOLDER);
  const texts = names.filter((name) => name.endsWith('.txt'));
  assert.deepEqual(
    texts.map((name) => name.replace('.txt', '.yaml')),
    names.filter((name) => name.endsWith('.yaml')),
  );
});

/** Paths are told from the folder of the golden files, so that they are the same wherever it is. */
function say(file: string): string {
  try {
    const checks = file.startsWith('warning-') ? advice : [];
    const { file: _, directory, files, warnings, ...sections } = loadConfig(join(FOLDER, file), checks);
    assert.equal(directory, resolve(FOLDER));
    if (warnings.length > 0) return `${warnings.map(formatProblem).join('\n')}\n`.replaceAll(FOLDER, '');
    return `${JSON.stringify(sections, undefined, 2)}\n`.replaceAll(FOLDER, '');
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return `${error.message}\n`.replaceAll(FOLDER, '');
  }
}
