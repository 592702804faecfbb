import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { exportPKCS8, generateKeyPair } from 'jose';
import { examine } from '../../src/commands/check.ts';
import { formats } from '../../src/commands/problem-formats.ts';
import { formatProblem, warning } from '../../src/config/problem.ts';
import { postern } from '../support/cli.ts';

const MINIMAL = `tokens: { issuer: https://apis.example.com, audience: api, signing: { keys_dir: keys, algorithm: ES256 } }
clients:
  - { id: app, auth: client_secret_post, secret: "\${file:secret}", grants: [password], scopes: [read] }
users:
  staff: { type: file, path: users.yaml }
upstreams:
  travel: { targets: ["http://127.0.0.1:9000"] }
routes:
  - { path: /travel, scopes: [read], upstream: travel }
`;
const BCRYPT = '$2b$04$dy77U6Tq8zikyvfATc4PDuvxe7ep9JmByJXCmZndysi3qlAw9g4kG';
const APR1 = '$apr1$saltsalt$XrgQdUtGYeLhwxaHzs9Er1';
const SHA = '{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=';

const pem = async (algorithm: string) =>
  exportPKCS8((await generateKeyPair(algorithm, { extractable: true })).privateKey);
const KEY = await pem('ES256');
const OTHER_KEY = await pem('EdDSA');

type Files = Readonly<Record<string, string>>;

/** A folder with a sound configuration, over which `files` are laid; readable by its owner alone. */
function folderOf(files: Files): string {
  const folder = mkdtempSync(join(tmpdir(), 'postern-check-'));
  const all = {
    'gateway.yaml': MINIMAL,
    secret: 's3cret',
    'users.yaml': `ann: { password_hash: ${BCRYPT} }\n`,
    ...files,
  };
  mkdirSync(join(folder, 'keys'));
  for (const [name, content] of Object.entries(all)) writeFileSync(join(folder, name), content, { mode: 0o600 });
  return folder;
}

/** Paths from the folder; OpenSSL words its reasons differently from version to version. */
async function say(folder: string): Promise<string[]> {
  const relative = (line: string) => line.replaceAll(`${folder}/`, '').replace(/error:.*/, '(OpenSSL)');
  const { problems } = await examine(join(folder, 'gateway.yaml'));
  return problems.map((problem) => relative(formatProblem(problem)));
}

describe('check opens the files that gateway.yaml names, and says', () => {
  const withUsers = (path: string) => MINIMAL.replace('path: users.yaml', `path: ${path}`);
  const rows: [sentence: string, files: Files, said: string[]][] = [
    ['nothing where all is well', { 'keys/a.pem': KEY }, []],
    ['nothing of keys that are still to be made', {}, []],
    [
      'that users are missing',
      { 'gateway.yaml': withUsers('gone.yaml') },
      ['gateway.yaml:5:30: cannot read it: it does not exist'],
    ],
    [
      'what is wrong with users',
      { 'users.yaml': 'ann: { password_hash: x }\nbob: {}\n' },
      [
        'users.yaml:1:23: expected a password hash in one of the forms that docs/users.md lists',
        'users.yaml:2:1: expected a `password_hash` in text',
      ],
    ],
    [
      'that hashes are weak',
      { 'users.yaml': `ann:${APR1}\nbob:${SHA}\nzoe:${BCRYPT}\n` },
      [
        'gateway.yaml:5:30: warning: 2 of 3 users have a hash that protects no password once it is stolen (apr1, {SHA}) [weak-hash]',
      ],
    ],
    [
      'that a key is none',
      { 'keys/a.pem': 'x' },
      ['gateway.yaml:1:81: keys/a.pem: not a private key for ES256: (OpenSSL)'],
    ],
    [
      'that the last key is of another algorithm',
      { 'keys/a.pem': KEY, 'keys/b.pem': OTHER_KEY },
      ['gateway.yaml:1:81: keys/b.pem: the last key by name signs, and it is not one for ES256'],
    ],
    [
      'that certificates are missing',
      { 'gateway.yaml': `listen: { tls: { certificate_file: c.pem, private_key_file: k.pem } }\n${MINIMAL}` },
      ['gateway.yaml:1:11: c.pem: cannot read it: it does not exist'],
    ],
    [
      'all of it at once, with what is wrong in the file itself',
      { 'gateway.yaml': `lgo: {}\n${withUsers('gone.yaml')}`, 'keys/a.pem': 'x' },
      [
        'gateway.yaml:1:1: unknown key `lgo`; did you mean `log`?',
        'gateway.yaml:2:81: keys/a.pem: not a private key for ES256: (OpenSSL)',
        'gateway.yaml:6:30: cannot read it: it does not exist',
      ],
    ],
    [
      'nothing that a comment silences',
      {
        'users.yaml': `ann:${SHA}\n`,
        'gateway.yaml': MINIMAL.replace('users.yaml }', 'users.yaml } # postern-ignore: weak-hash'),
      },
      [],
    ],
  ];
  for (const [sentence, files, said] of rows) {
    test(sentence, async () => assert.deepEqual(await say(folderOf(files)), said));
  }

  test('a users file behind a symbolic link to itself', async () => {
    const folder = folderOf({ 'gateway.yaml': withUsers('loop.yaml') });
    symlinkSync('loop.yaml', join(folder, 'loop.yaml'));
    assert.deepEqual(await say(folder), ['gateway.yaml:5:30: cannot read it: its symbolic links go round in circles']);
  });

  test('and makes no keys', async () => {
    const folder = folderOf({});
    await say(folder);
    assert.deepEqual(readdirSync(join(folder, 'keys')), []);
    assert.ok(!existsSync(join(folder, 'users.yaml.tmp')));
  });
});

describe('check warns of a secret that others can read', () => {
  const LITERAL = { 'gateway.yaml': MINIMAL.replace(`\${file:secret}`, 's3cret') };
  const rows: [sentence: string, file: string, mode: number, files: Files, warned: string[]][] = [
    ['in users.yaml', 'users.yaml', 0o604, {}, ['5:30']],
    ['in a key', 'keys/a.pem', 0o640, { 'keys/a.pem': KEY }, ['1:81']],
    ['in gateway.yaml', 'gateway.yaml', 0o644, LITERAL, ['3:50']],
    ['but not of a gateway.yaml in which there is none', 'gateway.yaml', 0o644, {}, []],
  ];
  for (const [sentence, file, mode, files, warned] of rows) {
    test(sentence, async () => {
      const folder = folderOf(files);
      chmodSync(join(folder, file), mode);
      const expected = warned.map(
        (place) =>
          `gateway.yaml:${place}: warning: others than its owner can read or write this secret (mode ${mode.toString(8)} of ${file}): chmod 600 [readable-secret]`,
      );
      assert.deepEqual(await say(folder), expected);
    });
  }
});

describe('check prints', () => {
  const at = (line: number, column: number) => ({ file: 'a,b:%.yaml', line, column });
  const problems = [{ position: at(3, 5), message: '100%\nwrong' }, warning('weak-hash', at(4, 1), 'weak')];
  const checked = [{ file: 'a,b:%.yaml', problems }];

  test('JSON', () => {
    assert.deepEqual(JSON.parse(formats.json(checked).stdout), {
      problems: [
        { file: 'a,b:%.yaml', line: 3, column: 5, severity: 'error', message: '100%\nwrong' },
        { file: 'a,b:%.yaml', line: 4, column: 1, severity: 'warning', code: 'weak-hash', message: 'weak' },
      ],
    });
  });

  test('workflow commands, with what ends a command or a property escaped', () => {
    assert.equal(
      formats.github(checked).stdout,
      '::error file=a%2Cb%3A%25.yaml,line=3,col=5,title=gateway.yaml::100%25%0Awrong\n' +
        '::warning file=a%2Cb%3A%25.yaml,line=4,col=1,title=weak-hash::weak\n',
    );
  });

  test('SARIF', () => {
    const { version, runs } = JSON.parse(formats.sarif(checked).stdout);
    assert.equal(version, '2.1.0');
    assert.deepEqual(runs[0].tool.driver, { name: 'postern', rules: [{ id: 'mistake' }, { id: 'weak-hash' }] });
    assert.deepEqual(runs[0].results, [
      result('mistake', 'error', '100%\nwrong', { startLine: 3, startColumn: 5 }),
      result('weak-hash', 'warning', 'weak', { startLine: 4, startColumn: 1 }),
    ]);
  });

  function result(ruleId: string, level: string, text: string, region: object) {
    const physicalLocation = { artifactLocation: { uri: 'a%2Cb%3A%25.yaml' }, region };
    return { ruleId, level, message: { text }, locations: [{ physicalLocation }] };
  }

  test('each problem of several files, with its line where text is asked for', async () => {
    const folder = folderOf({ 'bad.yaml': 'listen: { adress: x }\n' });
    const [good, bad] = [join(folder, 'gateway.yaml'), join(folder, 'bad.yaml')];
    const { code, stdout, stderr } = await postern(['check', '--format', 'text', good, bad]);
    assert.equal(code, 2);
    assert.equal(stdout, `${good}: no problems\n`);
    const [first, line, caret] = stderr.split('\n').slice(-4);
    assert.equal(first, `${bad}:1:11: unknown key \`adress\`; did you mean \`address\`?`);
    assert.deepEqual([line, caret], ['    listen: { adress: x }', '              ^']);
  });

  test('a document on standard output alone, whatever is wrong', async () => {
    const folder = folderOf({ 'bad.yaml': 'listen: { adress: x }\n' });
    const { code, stdout, stderr } = await postern(['check', '--format', 'sarif', join(folder, 'bad.yaml')]);
    assert.equal(code, 2);
    assert.equal(stderr, '');
    assert.match(
      JSON.parse(stdout).runs[0].results[0].locations[0].physicalLocation.artifactLocation.uri,
      /^file:\/\//,
    );
  });
});
