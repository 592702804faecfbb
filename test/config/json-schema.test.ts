import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { Ajv } from 'ajv';
import { parse } from 'yaml';
import { generated } from '../../scripts/generated.ts';
import { describeKeys, editorSchema, type JsonSchema } from '../../src/config/json-schema.ts';

const FOLDER = 'test/config/golden/';
const validate = new Ajv({ allowUnionTypes: true }).compile(editorSchema());

const golden = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.yaml'))
  .map((file) => ({
    file,
    yaml: readFileSync(FOLDER + file, 'utf8'),
    said: readFileSync(FOLDER + file.replace('.yaml', '.txt'), 'utf8'),
  }));

describe('what the gateway takes is valid to editors', () => {
  const sound = golden.filter(({ said }) => said.startsWith('{') || /^(.*: warning: .*\n)+$/.test(said));
  for (const { file, yaml } of sound) {
    test(file, () => assert.ok(validate(parse(yaml)), JSON.stringify(validate.errors)));
  }
  test('gateway.yaml', () => assert.ok(validate(parse(readFileSync('gateway.yaml', 'utf8')))));
});

describe('what is wrong with one key or one value is invalid to editors', () => {
  /** Which needs a look at the number of a port, and at what a variable stands for. */
  const KNOWS_LESS = ['value-endpoints-out-of-range.yaml', 'value-encryption-key.yaml'];
  const wrong = golden.filter(({ file }) => /^(key|value|sections-(misspelt|empty|of))/.test(file));
  for (const { file, yaml } of wrong.filter((pair) => !KNOWS_LESS.includes(pair.file))) {
    test(file, () => assert.ok(!validate(parse(yaml))));
  }
});

describe('a variable may stand for', () => {
  const rows: [sentence: string, yaml: string][] = [
    ['a part of an address', `listen: { address: "127.0.0.1:\${PORT:-8080}" }`],
    ['a duration', `store: { timeout: "\${TIMEOUT}" }`],
    ['a size', `listen: { max_header_size: "\${SIZE}kb" }`],
    ['a URL', `store: { redis: "\${file:/run/secrets/redis}" }`],
    ['a number', `login_limits: { queue: "\${QUEUE}" }`],
    ['true or false', `routes: [{ path: /, upstream: a, public: "\${PUBLIC}" }]`],
    ['a choice', `log: { level: "\${LEVEL:-info}" }`],
    ['a choice of one', `users: { a: { type: file, path: a, rehash: "\${REHASH}" } }`],
    ['a rate', `clients: [{ id: a, auth: none, grants: [password], scopes: [], rate_limit: "\${RATE}" }]`],
  ];
  for (const [sentence, yaml] of rows) test(sentence, () => assert.ok(validate(parse(yaml)), sentence));
});

const keys = keysOf(describeKeys());

test('each key says what it means', () => {
  const silent = keys.filter(({ key }) => (key.description ?? '').length < 8);
  assert.deepEqual(
    silent.map(({ path }) => path),
    [],
  );
});

test('each key is in the documentation, by itself, with the mapping that it is in, or as the keys in it', () => {
  const told = plain(['configuration', 'users'].map((name) => readFileSync(`docs/${name}.md`, 'utf8')).join('\n'));
  const isTold = ({ description }: JsonSchema) => description !== undefined && told.includes(plain(description));
  const untold = keys.filter(({ key, around }) => {
    const within = Object.values(key.properties ?? {});
    return !isTold(key) && !isTold(around) && (within.length === 0 || !within.every(isTold));
  });
  assert.deepEqual(
    untold.map(({ path }) => path),
    [],
  );
});

/** On one line, and without where its links lead. */
function plain(markdown: string): string {
  return markdown.replaceAll(/\]\([^)]*\)/g, ']').replaceAll(/\s+/g, ' ');
}

for (const [file, content] of generated()) {
  test(`${file} is what the schema says; npm run docs writes it`, () => {
    assert.equal(readFileSync(file, 'utf8'), content);
  });
}

interface Key {
  readonly path: string;
  readonly key: JsonSchema;
  readonly around: JsonSchema;
}

/** Every key, those of all kinds of user stores too. */
function keysOf(schema: JsonSchema, path = '', around = schema): Key[] {
  const { properties = {}, oneOf = [], items, additionalProperties } = schema;
  const members = [...oneOf, items, additionalProperties || undefined].filter((member) => member !== undefined);
  return [
    ...Object.entries(properties).flatMap(([name, key]) => [
      { path: `${path}${name}`, key, around },
      ...keysOf(key, `${path}${name}.`),
    ]),
    ...members.flatMap((member) => keysOf(member, path, schema)),
  ];
}
