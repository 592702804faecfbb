import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { after, describe, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Check } from '../../src/config/check.ts';
import { loadConfig } from '../../src/config/load.ts';
import { ConfigError } from '../../src/config/problem.ts';
import { Source } from '../../src/config/source.ts';
import { conflictingRoutes } from '../../src/routing/conflicts.ts';

const folder = mkdtempSync(join(tmpdir(), 'postern-config-'));
after(() => rmSync(folder, { recursive: true }));

const MINIMAL = readFileSync('test/config/golden/minimal.yaml', 'utf8');

function write(name: string, content: string | Buffer): string {
  const file = join(folder, name);
  writeFileSync(file, content);
  return file;
}

function messageOf(file: string, checks?: readonly Check[]): string {
  try {
    loadConfig(file, checks);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return 'no problem';
}

const unreadable: readonly [sentence: string, file: string, reason: string][] = [
  ['a file that does not exist', join(folder, 'missing.yaml'), 'it does not exist'],
  ['a file below a file', join(write('plain', ''), 'gateway.yaml'), 'it does not exist'],
  ['a folder', folder, 'it is a directory'],
  ['a file that is not UTF-8', write('latin1.yaml', Buffer.from('# \xfc', 'latin1')), 'it is not UTF-8'],
  ['a file in UTF-16', write('utf16.yaml', Buffer.from(`\ufeff${MINIMAL}`, 'utf16le')), 'it is not UTF-8'],
  [
    'a file that is far too large',
    write('huge.yaml', Buffer.alloc(10 * 1024 * 1024 + 1, '#')),
    'it is larger than 10240 kb',
  ],
  ['a device that never ends', '/dev/zero', 'it is not a regular file'],
  ['a pipe', pipe('pipe.yaml'), 'it is not a regular file'],
  ['a symbolic link to itself', link('loop.yaml', 'loop.yaml'), 'its symbolic links go round in circles'],
];

for (const [sentence, file, reason] of unreadable) {
  test(`${sentence} is a problem at its first position`, () => {
    assert.equal(messageOf(file), `${file}:1:1: cannot read it: ${reason}`);
  });
}

function pipe(name: string): string {
  execFileSync('mkfifo', [join(folder, name)]);
  return join(folder, name);
}

function link(name: string, target: string): string {
  symlinkSync(target, join(folder, name));
  return join(folder, name);
}

const readable: readonly [sentence: string, content: string][] = [
  ['a byte order mark', `\ufeff${MINIMAL}`],
  ['lines that end as on Windows', MINIMAL.replaceAll('\n', '\r\n')],
  ['no newline at its end', MINIMAL.trimEnd()],
  ['the marks of one document', `---\n${MINIMAL}...\n`],
];

for (const [sentence, content] of readable) {
  test(`a file with ${sentence} is read`, () => {
    assert.equal(loadConfig(write('readable.yaml', content)).routes[0]?.path, '/travel');
  });
}

test('a byte order mark and Windows lines do not shift positions', () => {
  const file = write('shifted.yaml', `\ufefflgo: {}\r\n${MINIMAL.replaceAll('\n', '\r\n')}other: 1\r\n`);
  assert.match(messageOf(file), /shifted\.yaml:1:1: .*\n.*shifted\.yaml:12:1: /);
});

test('problems name the file as it was given, while the folder is absolute', () => {
  const given = relative(process.cwd(), write('given.yaml', 'a: 1'));
  assert.ok(messageOf(given).startsWith(`${given}:1:1: `));
  assert.equal(loadConfig(relative(process.cwd(), write('sound.yaml', MINIMAL))).directory, folder);
});

const secrets: readonly [sentence: string, content: string | Buffer, read: string][] = [
  ['loses its last newline', 's3cret\n', 's3cret'],
  ['loses its last newline as on Windows', 's3cret\r\n', 's3cret'],
  ['loses one newline only', 's3cret\n\n', 's3cret\n'],
  ['keeps its spaces', ' s3cret ', ' s3cret '],
  ['is not read for variables', `\${HOME}`, `\${HOME}`],
];

for (const [sentence, content, read] of secrets) {
  test(`a secret from a file ${sentence}`, () => {
    write('secret', content);
    assert.equal(loadConfig(write('secret.yaml', withSecret(`\${file:secret}`))).clients[0]?.secret, read);
    assert.equal(loadConfig(write('secret.yaml', withSecret(`\${file:${folder}/secret}`))).clients[0]?.secret, read);
  });
}

test('a secret that is not text, or too large, is a problem that does not tell it', () => {
  for (const content of [Buffer.from('s3cr\xe9t', 'latin1'), Buffer.alloc(64 * 1024 + 1, 's')]) {
    write('secret', content);
    assert.match(
      messageOf(write('secret.yaml', withSecret(`\${file:secret}`))),
      /:4:\d+: cannot read secret: it is [a-zA-Z0-9 -]+$/,
    );
  }
});

function withSecret(secret: string): string {
  return MINIMAL.replace('auth: none', `auth: client_secret_basic, secret: '${secret}'`);
}

test('checks of the caller see the sound sections and locate their problems, which are told with all others in order', () => {
  const check: Check = ({ routes = [], clients }, locate) => [
    ...routes.map(({ at }) => ({ position: at, message: `routes, ${clients ? 'and' : 'but no'} clients` })),
    { position: locate(['users', 'staff', 'path']), message: 'a path' },
    { position: locate(['users', 'staff'], 'key'), message: 'a key' },
    { position: locate(['users', 'staff', 'gone', 'away']), message: 'nothing' },
    { position: locate(['log', 'level']), message: 'a default' },
  ];
  const file = write('checked.yaml', MINIMAL.replace('auth: none', 'auth: all'));
  const lines = messageOf(file, [check])
    .split('\n')
    .map((line) => line.slice(file.length + 1));
  assert.deepEqual(lines, [
    '1:1: a default',
    '4:22: expected one of none, client_secret_basic, client_secret_post, client_secret_jwt, private_key_jwt, tls_client_auth, self_signed_tls_client_auth',
    '6:3: a key',
    '6:3: nothing',
    '6:30: a path',
    '10:5: routes, but no clients',
  ]);
});

test('a file of ten thousand routes is read within seconds', () => {
  const routes = Array.from({ length: 10_000 }, (_, index) => `  - { path: /travel/${index}, upstream: travel }`);
  const startedMs = performance.now();
  assert.equal(loadConfig(write('long.yaml', `${MINIMAL}${routes.join('\n')}\n`)).routes.length, 10_001);
  assert.ok(performance.now() - startedMs < 10_000);
});

describe('a mapping of twenty thousand keys costs no more than as many lines:', () => {
  const keys = Array.from({ length: 20_000 }, (_, index) => `k${index}`);

  test('each of them is found', () => {
    const before = process.cpuUsage();
    const { locate } = new Source('keys.yaml', keys.map((key) => `${key}: x\n`).join(''));
    assert.deepEqual(
      keys.map((key) => locate([key], 'key').line),
      keys.map((_, index) => index + 1),
    );
    assertQuick(before);
  });

  test('a quote without an end is told for each', () => {
    const file = write('quotes.yaml', keys.map((key) => `${key}: "x\n`).join(''));
    const before = process.cpuUsage();
    assert.match(messageOf(file), /:20000:9: .* no end/);
    assertQuick(before);
  });

  function assertQuick(before: NodeJS.CpuUsage): void {
    const { user } = process.cpuUsage(before);
    assert.ok(user < 3_000_000, `${user} microseconds`);
  }
});

test('routes share a hidden class and the values that are equal, for a request to find them at hand', () => {
  setFlagsFromString('--allow-natives-syntax');
  const sameClass = runInNewContext('(one, other) => %HaveSameMap(one, other)');
  const line = (index: number) => `  - { path: /travel/${index}, scopes: [read], upstream: travel }`;
  const { routes } = loadConfig(
    write('alike.yaml', `${MINIMAL}${Array.from({ length: 100 }, (_, index) => line(index)).join('\n')}\n`),
  );
  const [first, ...others] = routes.slice(1);
  for (const route of others) {
    assert.ok(sameClass(route, first));
    for (const key of ['scopes', 'any_scope', 'require', 'issuers'] as const) assert.equal(route[key], first?.[key]);
  }
});

test('an encryption key is 32 bytes, in hexadecimal digits or base64', () => {
  const bytes = Buffer.from('000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1eff', 'hex');
  for (const encoding of ['hex', 'base64', 'base64url'] as const) {
    const tokens = `tokens: { signing: { encryption_key: "${bytes.toString(encoding)}" },`;
    const { signing } = loadConfig(write('encrypted.yaml', MINIMAL.replace('tokens: {', tokens))).tokens;
    assert.deepEqual(signing.encryption_key, bytes, encoding);
  }
});

describe('a configuration in several files', () => {
  const parts = mkdtempSync(join(folder, 'parts-'));
  const main = join(parts, 'gateway.yaml');
  const routeTo = (path: string) => `routes: [{ path: ${path}, upstream: travel }]\n`;
  const paths = () => loadConfig(main).routes.map(({ path }) => path);

  function lay(files: Readonly<Record<string, string>>): void {
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(join(parts, dirname(name)), { recursive: true });
      writeFileSync(join(parts, name), content);
    }
  }

  lay({
    'gateway.yaml': `include: [teams/*/*.yaml, "*.yaml", more.yaml]\n${MINIMAL}`,
    'more.yaml': routeTo('/more'),
    'teams/b/b.yaml': routeTo('/b'),
    'teams/b/.hidden.yaml': 'no: configuration',
    'teams/a/c.yaml': `upstreams: { c: { targets: ["http://127.0.0.1:\${file:port}"] } }\n${routeTo('/c')}`,
    'teams/a/notes.txt': 'no configuration',
    'teams/README.md': 'a file where a folder could be',
    port: '9001',
  });

  test('has what all of them say, each once, in the order of the patterns and of their names', () => {
    assert.deepEqual(paths(), ['/travel', '/c', '/b', '/more']);
    assert.deepEqual(loadConfig(main).upstreams.c?.targets, ['http://127.0.0.1:9001']);
  });

  test('says which files it was read from, which it names, and which folders were looked into', () => {
    const { files } = loadConfig(main);
    assert.equal(files[0], main);
    assert.deepEqual(files.map((file) => relative(parts, file)).sort(), [
      '',
      'gateway.yaml',
      'more.yaml',
      'port',
      'teams',
      'teams/README.md',
      'teams/a',
      'teams/a/c.yaml',
      'teams/b',
      'teams/b/b.yaml',
      'users.yaml',
    ]);
  });

  test('says so of one that cannot be read too, so that it can be watched for its repair', () => {
    lay({ 'broken.yaml': 'routes: [' });
    assert.throws(
      () => loadConfig(main),
      (error) => error instanceof ConfigError && error.files.includes(join(parts, 'broken.yaml')),
    );
    rmSync(join(parts, 'broken.yaml'));
  });

  test('may have symbolic links in it, as mounted ConfigMaps have', () => {
    symlinkSync('teams/b/b.yaml', join(parts, 'link.yaml'));
    lay({ 'teams/b/b.yaml': 'log: { level: warn }\n' });
    assert.match(messageOf(main), /link\.yaml:1:1: repeated key `log`: it is at .*teams\/b\/b\.yaml:1:1 already/);
    rmSync(join(parts, 'link.yaml'));
  });

  test('has a bound', () => {
    lay(Object.fromEntries(Array.from({ length: 1001 }, (_, index) => [`many/${index}.yaml`, ''])));
    lay({ 'gateway.yaml': `include: many/*.yaml\n${MINIMAL}` });
    assert.equal(messageOf(main), `${main}:1:10: these are 1001 files; there may be 1000`);
  });

  test('has its checks told of with their own file, and others with the file that they are in', () => {
    lay({ 'gateway.yaml': `include: double.yaml\n${MINIMAL}`, 'double.yaml': routeTo('/TRAVEL') });
    const check: Check = ({ routes }) => conflictingRoutes(routes ?? []);
    assert.equal(
      messageOf(main, [check]),
      `${join(parts, 'double.yaml')}:1:10: this route and the one in line 11 of ${main} (/travel) could both win a request`,
    );
  });
});
