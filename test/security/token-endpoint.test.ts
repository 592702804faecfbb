import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import {
  BASIC,
  login,
  PASSWORD,
  type RunningGateway,
  redisStore,
  requestToken,
  SECRET_SHA256,
  startGateway,
} from '../support/gateway.ts';
import { sendRaw, statuses } from '../support/raw.ts';
import { serveGateway } from './served-gateway.ts';

/**
 * The token endpoint takes text from anybody before it knows who that is. Parsers that see two different requests in one
 * let a proxy or a log see another user than the one who is logged in; small bodies unpack to large ones, and nested
 * brackets to deep objects; line ends in a value become lines of a log or headers of an answer; and answers, or being
 * locked out, that differ tell which clients there are. Limits on guessing can be turned around, to lock somebody out, or
 * be got past, by making up where a request comes from or by asking the other gateway.
 */

const LOGIN = { grant_type: 'password', username: 'ann', password: PASSWORD };
const FORM = new URLSearchParams(LOGIN).toString();
const TYPE = 'Content-Type: application/x-www-form-urlencoded';
/** The gateway ends every connection here; this is for a machine that is busy. */
const QUIET_MS = 5000;
const GENEROUS = { failures: 100_000 };
const UNLIMITED = {
  min_failure_time: '0ms',
  user_and_address: GENEROUS,
  user: GENEROUS,
  address: GENEROUS,
  client: GENEROUS,
};

const basic = (id: string, secret: string) => `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;

/** With keys that are quickly made. */
const start: typeof startGateway = (test, settings) =>
  startGateway(test, { tokens: { signing: { algorithm: 'ES256' } }, ...settings });

/** The answer to a form, byte by byte. */
function post(gateway: Pick<RunningGateway, 'url'>, body: string | Buffer, headers: readonly string[] = []) {
  const length = `Content-Length: ${Buffer.byteLength(body)}`;
  const head = [
    'POST /token HTTP/1.1',
    'Host: x',
    'Connection: close',
    `Authorization: ${BASIC}`,
    TYPE,
    length,
    ...headers,
  ];
  return sendRaw(gateway, Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), Buffer.from(body)]), QUIET_MS);
}

describe('there is one way to read a form', () => {
  test('a form that could be read in two ways is refused', async (context) => {
    const gateway = await start(context, { login_limits: UNLIMITED });
    const rows: [sentence: string, body: string][] = [
      ['a parameter twice', `${FORM}&username=bob`],
      ['a parameter twice with the same value', `${FORM}&username=ann`],
      ['a parameter twice, once empty', `${FORM}&username=`],
      ['a parameter twice, once without a value', `${FORM}&username`],
      ['a parameter twice, once encoded', `${FORM}&user%6eame=bob`],
      ['an unknown parameter twice', `${FORM}&x=1&x=2`],
      ['a parameter without a name twice', `${FORM}&=1&=2`],
      ['a list', `${FORM}&username[]=bob`],
      ['a list, encoded', `${FORM}&username%5B%5D=bob`],
      ['a list of one', FORM.replace('username', 'username[]')],
      ['an index', `${FORM}&username[0]=bob`],
      ['a mapping', `${FORM}&username[$ne]=x`],
      ['a mapping in place of the password', FORM.replace('password=', 'password[$ne]=')],
      ['an open bracket', `${FORM}&username[=bob`],
      ['a closing bracket', `${FORM}&username]=bob`],
      ['a prototype', `${FORM}&__proto__[username]=bob`],
      ['a constructor', `${FORM}&constructor[prototype][username]=bob`],
      ['what is not UTF-8', FORM.replace('ann', 'ann%ff')],
      ['overlong UTF-8', FORM.replace('ann', '%c1%a1nn')],
      ['a half of a surrogate pair', FORM.replace('ann', 'ann%ed%a0%80')],
      ['Latin-1', FORM.replace('ann', '%e4nn')],
    ];
    for (const [sentence, body] of rows) assert.deepEqual(statuses(await post(gateway, body)), [400], sentence);
  });

  test('what only looks like another parameter is none', async (context) => {
    const gateway = await start(context, { login_limits: UNLIMITED });
    const rows: [sentence: string, body: string, status: number][] = [
      ['another case', `${FORM}&USERNAME=bob`, 200],
      ['a dot', `${FORM}&username.x=bob`, 200],
      ['a prototype', `${FORM}&__proto__=bob&constructor=x`, 200],
      ['a blank before the name', `${FORM}&+username=bob`, 200],
      ['a NUL behind the name', `${FORM}&username%00=bob`, 200],
      ['a semicolon, which is a part of the value', FORM.replace('ann', 'bob;username=ann'), 400],
      ['an encoded ampersand, which is a part of the value', FORM.replace('ann', 'bob%26username=ann'), 400],
      ['a byte order mark before the first name', `\ufeff${FORM}`, 200],
      ['a line break before the first name', `\r\n${FORM}`, 400],
    ];
    for (const [sentence, body, status] of rows) {
      assert.deepEqual(statuses(await post(gateway, body)), [status], sentence);
    }
  });

  test('what stands elsewhere in the request is not a part of it', async (context) => {
    const gateway = await start(context, { login_limits: UNLIMITED });
    const json = JSON.stringify(LOGIN);
    const rows: [sentence: string, path: string, headers: string[], body: string, status: number][] = [
      ['a username in the query', '/token?username=bob', [TYPE], FORM, 400],
      ['a username in the query, encoded', '/token?user%6eame=bob', [TYPE], FORM, 400],
      ['a secret in the query', '/token?client_secret=x', [TYPE], FORM, 400],
      ['another thing in the query', '/token?foo=bar', [TYPE], FORM, 200],
      ['JSON called a form', '/token', [TYPE], json, 400],
      ['JSON', '/token', ['Content-Type: application/json'], json, 400],
      ['a form called JSON', '/token', ['Content-Type: application/json'], FORM, 400],
      ['a form called text', '/token', ['Content-Type: text/plain'], FORM, 400],
      ['another method in a header', '/token', [TYPE, 'X-HTTP-Method-Override: GET'], FORM, 200],
    ];
    for (const [sentence, path, headers, body, status] of rows) {
      const length = `Content-Length: ${Buffer.byteLength(body)}`;
      const head = [
        `POST ${path} HTTP/1.1`,
        'Host: x',
        'Connection: close',
        `Authorization: ${BASIC}`,
        length,
        ...headers,
      ];
      assert.deepEqual(
        statuses(await sendRaw(gateway, `${head.join('\r\n')}\r\n\r\n${body}`, QUIET_MS)),
        [status],
        sentence,
      );
    }
  });
});

describe('a body costs no more than its 16 kb', () => {
  const KB = 1024;
  const padded = (bytes: number) => `${FORM}&pad=${'x'.repeat(bytes - FORM.length - '&pad='.length)}`;
  const zeros = Buffer.alloc(16 * KB * KB);
  const gzip = ['Content-Encoding: gzip'];

  test('however it is packed', async (context) => {
    const gateway = await start(context, { login_limits: UNLIMITED });
    const rows: [sentence: string, body: string | Buffer, headers: string[], status: number][] = [
      ['16 kb', padded(16 * KB), [], 200],
      ['a byte more', padded(16 * KB + 1), [], 413],
      ['16 kb, by gzip', gzipSync(padded(16 * KB)), gzip, 200],
      ['a byte more, by gzip', gzipSync(padded(16 * KB + 1)), gzip, 413],
      ['16 kb, by deflate', deflateSync(padded(16 * KB)), ['Content-Encoding: deflate'], 200],
      ['16 kb, by brotli', brotliCompressSync(padded(16 * KB)), ['Content-Encoding: br'], 200],
      ['16 MB, by gzip', gzipSync(zeros), gzip, 413],
      ['16 MB, by deflate', deflateSync(zeros), ['Content-Encoding: deflate'], 413],
      ['16 MB, by brotli', brotliCompressSync(zeros), ['Content-Encoding: br'], 413],
      ['16 MB, gzipped twice', gzipSync(gzipSync(zeros)), ['Content-Encoding: gzip, gzip'], 400],
      ['a thousand gzips in one', Buffer.concat(Array.from({ length: 1000 }, () => gzipSync(padded(KB)))), gzip, 413],
      ['a gzip that breaks off', gzipSync(FORM).subarray(0, 30), gzip, 400],
      [
        'a gzip with something else behind it',
        Buffer.concat([gzipSync(FORM), Buffer.from('&username=bob')]),
        gzip,
        400,
      ],
      ['what is no gzip', FORM, gzip, 400],
      ['an unknown packing', FORM, ['Content-Encoding: zstd'], 400],
      ['5000 brackets', `${FORM}&${'['.repeat(5000)}${']'.repeat(5000)}=1`, [], 400],
      ['3000 levels', `${FORM}&a${'[b]'.repeat(3000)}=1`, [], 400],
      ['3000 levels of dots', `${FORM}&a${'.b'.repeat(3000)}=1`, [], 200],
      ['3000 indices', `${FORM}&${Array.from({ length: 1500 }, (_, index) => `a[${index}]=1`).join('&')}`, [], 400],
      ['5000 parameters', `${FORM}&${Array.from({ length: 5000 / 2 }, (_, index) => `p${index}`).join('&')}`, [], 200],
      ['8000 ampersands', `${FORM}${'&'.repeat(8000)}`, [], 200],
      ['5000 escapes', `${FORM}&x=${'%41'.repeat(5000)}`, [], 200],
    ];
    for (const [sentence, body, headers, status] of rows) {
      const startedAt = performance.now();
      assert.deepEqual(statuses(await post(gateway, body, headers)), [status], sentence);
      const tookMs = performance.now() - startedAt;
      assert.ok(tookMs < 1000, `${sentence}: ${tookMs} ms`);
    }
  });

  test('and one that breaks off leaves its line in the log', async (context) => {
    const gateway = await start(context);
    for (const encoding of ['identity', 'gzip', 'br']) {
      const before = gateway.records.length;
      const { hostname, port } = new URL(gateway.url);
      const socket = connect(Number(port), hostname);
      socket.write(
        `POST /token HTTP/1.1\r\nHost: x\r\n${TYPE}\r\nContent-Encoding: ${encoding}\r\nContent-Length: 99\r\n\r\n`,
      );
      socket.write(gzipSync(FORM).subarray(0, 20));
      await delay(100);
      socket.destroy();
      await delay(100);
      assert.equal(gateway.records.slice(before).filter(({ msg }) => msg === 'request').length, 1, encoding);
    }
  });
});

describe('what is sent stays a value', () => {
  /** What would begin a line, a header or a record of its own, if it were written out as it is. */
  const FORGED = 'FORGED';
  const poisons = [
    '\r\n',
    '\n',
    '\r',
    '\0',
    '\x85',
    '\u2028',
    '\u2029',
    '\x1b[2K\x1b[1G',
    '\x9b2K',
    '"}\n{"',
    '\u202e',
  ];
  const values = poisons.map((poison) => `ann${poison}${FORGED}: 1${poison}`);
  const forms = values.flatMap((value): (readonly [Record<string, string>, string])[] => [
    [{ ...LOGIN, username: value }, BASIC],
    [{ ...LOGIN, password: value }, BASIC],
    [{ ...LOGIN, scope: value }, BASIC],
    [{ ...LOGIN, grant_type: value }, BASIC],
    [{ ...LOGIN, [value]: value }, BASIC],
    [{ grant_type: 'refresh_token', refresh_token: value }, BASIC],
    [{ ...LOGIN, client_id: value }, ''],
    [{ ...LOGIN, client_id: value, client_secret: value }, ''],
    [LOGIN, basic(value, 'x')],
    [LOGIN, basic('web', value)],
    [LOGIN, basic(encodeURIComponent(value), encodeURIComponent(value))],
    [{ ...LOGIN, client_assertion_type: value, client_assertion: value }, ''],
  ]);

  for (const format of ['json', 'pretty']) {
    test(`in the answer, and in a log in ${format}`, async (context) => {
      const gateway = await serveGateway(context, { log: { level: 'trace', format }, login_limits: UNLIMITED });
      for (const [form, authorization] of forms) {
        const body = new URLSearchParams(form).toString();
        const head = ['POST /token HTTP/1.1', 'Host: x', 'Connection: close', TYPE, `Content-Length: ${body.length}`];
        if (authorization) head.push(`Authorization: ${authorization}`);
        const answer = await sendRaw(gateway, `${head.join('\r\n')}\r\n\r\n${body}`, QUIET_MS);
        assert.equal(statuses(answer).length, 1, JSON.stringify(form));
        assert.doesNotMatch(answer, new RegExp(FORGED), JSON.stringify(form));
      }
      await sendRaw(gateway, `POST /token HTTP/1.1\r\nHost: x\r\n${TYPE}\r\nContent-Encoding: \x9b2K${FORGED}\r\n\r\n`);
      await gateway.stop();
      const output = gateway.output();
      assert.ok(output.includes(FORGED), 'usernames are logged');
      assert.doesNotMatch(output, /[^\P{C}\n]|[\u2028\u2029]/u, 'no character is in the log that is not seen');
      for (const line of output.split('\n')) assert.doesNotMatch(line, /^\s*("\}|\{")?FORGED/);
    });
  }
});

describe('nobody can tell which clients there are', () => {
  const hash = '$2b$04$7I1gB1VdBD0O8Rj96t6HQuYieoukQyYYOgLP9BAoOIPoU6AhX7oj.';
  const client = (id: string, auth: string, secret: object) => ({
    id,
    auth,
    ...secret,
    grants: ['password'],
    scopes: ['read'],
  });
  const CLIENTS = [
    client('web', 'client_secret_basic', { secret_sha256: SECRET_SHA256 }),
    client('hashed', 'client_secret_basic', { secret_hash: hash }),
    client('post', 'client_secret_post', { secret: 'rosebud' }),
    client('signed', 'client_secret_jwt', { secret: 'a secret of thirty-two characters' }),
  ];
  const assertion = (sub: string) => {
    const [header, claims] = [
      { alg: 'HS256' },
      { iss: sub, sub, aud: 'https://gateway.example/auth', exp: 2e9, jti: 'x' },
    ];
    const parts = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'));
    return [...parts, Buffer.alloc(32).toString('base64url')].join('.');
  };
  const ways: [sentence: string, (id: string) => [form: Record<string, string>, headers: Record<string, string>]][] = [
    ['a wrong secret by Basic', (id) => [LOGIN, { Authorization: basic(id, 'wrong') }]],
    ['an empty secret by Basic', (id) => [LOGIN, { Authorization: basic(id, '') }]],
    ['Basic, and the same id in the body', (id) => [{ ...LOGIN, client_id: id }, { Authorization: basic(id, 'x') }]],
    ['Basic, and another id in the body', (id) => [{ ...LOGIN, client_id: 'x' }, { Authorization: basic(id, 'x') }]],
    ['a wrong secret by POST', (id) => [{ ...LOGIN, client_id: id, client_secret: 'wrong' }, {}]],
    ['no secret at all', (id) => [{ ...LOGIN, client_id: id }, {}]],
    ['a wrong assertion', (id) => [{ ...LOGIN, ...signed(assertion(id)) }, {}]],
    ['an unknown grant', (id) => [{ grant_type: 'x' }, { Authorization: basic(id, 'wrong') }]],
  ];
  const signed = (client_assertion: string) => ({
    client_assertion,
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
  });

  test('from an answer', async (context) => {
    const gateway = await start(context, { clients: CLIENTS, login_limits: UNLIMITED });
    for (const [sentence, attempt] of ways) {
      const answers = new Set<string>();
      for (const id of ['nobody', 'Web', 'x'.repeat(300), ...CLIENTS.map(({ id }) => id)]) {
        const [form, headers] = attempt(id);
        const answer = await requestToken(gateway, form, headers);
        const told = [...answer.headers].filter(([name]) => name !== 'x-request-id' && name !== 'date');
        answers.add(JSON.stringify([answer.status, told, answer.body]));
      }
      assert.equal(answers.size, 1, `${sentence}: ${[...answers].join('\n')}`);
    }
  });

  test('from being locked out', async (context) => {
    const gateway = await start(context, {
      clients: CLIENTS,
      login_limits: { ...UNLIMITED, client: { failures: 3, per: '1m' } },
    });
    for (const id of ['web', 'nobody']) {
      const answers = [];
      for (let attempt = 0; attempt < 5; attempt += 1) {
        const { status, body } = await requestToken(gateway, LOGIN, { Authorization: basic(id, 'wrong') });
        answers.push(`${status} ${body.error}`);
      }
      const [refused, locked] = ['401 invalid_client', '429 invalid_grant'];
      assert.deepEqual(answers, [refused, refused, refused, locked, locked], id);
    }
  });
});

describe('limits', () => {
  const TIGHT = { ...UNLIMITED, user_and_address: { failures: 3, lock: '1m' } };
  const BEHIND_PROXY = { trusted_proxies: ['127.0.0.1', '10.0.0.0/8'] };
  const from = (gateway: RunningGateway, headers: Record<string, string>, password: string) =>
    requestToken(gateway, { ...LOGIN, password }, { Authorization: BASIC, ...headers });

  test('are no weapon: whatever one address does, another one still gets in', async (context) => {
    // The limits of gateway.yaml's defaults, but for that of the address.
    const gateway = await start(context, {
      listen: BEHIND_PROXY,
      login_limits: { min_failure_time: '0ms', address: GENEROUS },
    });
    const attacker = { 'X-Forwarded-For': '192.0.2.1' };
    const answers = await Promise.all(Array.from({ length: 60 }, () => from(gateway, attacker, 'wrong')));
    for (let attempt = 0; attempt < 60; attempt += 1) answers.push(await from(gateway, attacker, 'wrong'));
    assert.equal(answers.filter(({ status }) => status === 400).length, 5);
    assert.equal(answers.filter(({ status }) => status === 429).length, 115);
    assert.equal((await from(gateway, attacker, PASSWORD)).status, 429);
    assert.equal((await from(gateway, { 'X-Forwarded-For': '192.0.2.2' }, PASSWORD)).status, 200);
  });

  test('are not reset by saying to come from elsewhere', async (context) => {
    const direct = await start(context, { login_limits: TIGHT });
    const behind = await start(context, { listen: BEHIND_PROXY, login_limits: TIGHT });
    const elsewhere = (index: number) => `198.51.100.${index}`;
    const rows: [sentence: string, RunningGateway, (index: number) => Record<string, string>][] = [
      ['X-Forwarded-For', direct, (n) => ({ 'X-Forwarded-For': elsewhere(n) })],
      ['X-Forwarded-For of this host', direct, () => ({ 'X-Forwarded-For': '127.0.0.1' })],
      ['Forwarded', direct, (n) => ({ Forwarded: `for=${elsewhere(n)}` })],
      ['X-Real-IP', direct, (n) => ({ 'X-Real-IP': elsewhere(n) })],
      ['X-Client-IP', direct, (n) => ({ 'X-Client-IP': elsewhere(n), 'True-Client-IP': elsewhere(n) })],
      ['CF-Connecting-IP', direct, (n) => ({ 'CF-Connecting-IP': elsewhere(n) })],
      [
        'left of the address that a trusted proxy saw',
        behind,
        (n) => ({ 'X-Forwarded-For': `${elsewhere(n)}, 203.0.113.1` }),
      ],
      [
        'left of two trusted proxies',
        behind,
        (n) => ({ 'X-Forwarded-For': `${elsewhere(n)}, 203.0.113.2, 10.0.0.${n}` }),
      ],
      [
        'Forwarded, through a trusted proxy',
        behind,
        (n) => ({ 'X-Forwarded-For': '203.0.113.3', Forwarded: `for=${elsewhere(n)}` }),
      ],
      ['another address of one IPv6 network', behind, (n) => ({ 'X-Forwarded-For': `2001:db8::${n}:1` })],
      [
        'another spelling of an address',
        behind,
        (n) => ({
          'X-Forwarded-For':
            ['::ffff:203.0.113.4', '203.0.113.4', '::ffff:cb00:7104', '[::FFFF:203.0.113.4]:80'][n - 1] ?? '',
        }),
      ],
      ['another port', behind, (n) => ({ 'X-Forwarded-For': `203.0.113.5:${n}` })],
      ['what is no address', behind, (n) => ({ 'X-Forwarded-For': `unknown-${n}` })],
    ];
    const users = ['ann', 'bob', 'eve'];
    for (const [row, [sentence, gateway, headers]] of rows.entries()) {
      // A user of its own for each row, so that none is locked before it begins.
      const username = users[row] ?? `user-${row}`;
      const attempt = async (n: number) =>
        (await requestToken(gateway, { ...LOGIN, username, password: 'x' }, { Authorization: BASIC, ...headers(n) }))
          .status;
      assert.deepEqual(
        [await attempt(1), await attempt(2), await attempt(3), await attempt(4)],
        [400, 400, 400, 429],
        sentence,
      );
    }
  });

  test('are not reset by another spelling of the user', async (context) => {
    const gateway = await start(context, { login_limits: TIGHT });
    const spellings = ['Ann', 'ANN', 'aNn'];
    for (const username of spellings) await login(gateway, { username, password: 'x' });
    assert.equal((await login(gateway)).status, 429);
  });

  test('hold across two gateways on one Redis, of users and of clients', async (context) => {
    const settings = { store: redisStore(), login_limits: { ...TIGHT, client: { failures: 8, per: '1m' } } };
    const pair = [await start(context, settings), await start(context, settings)] as const;
    const either = (index: number) => pair[index % 2 ? 1 : 0];
    const logins = await Promise.all(
      Array.from({ length: 30 }, (_, index) => login(either(index), { password: 'wrong' })),
    );
    assert.equal(logins.filter(({ status }) => status === 400).length, 3);
    assert.equal(logins.filter(({ status }) => status === 429).length, 27);
    for (const gateway of pair) assert.equal((await login(gateway)).status, 429);

    // The three failures of the user were the client's too. Each gateway finds out for itself that it is locked.
    const wrong = { Authorization: basic('web', 'wrong') };
    const clients = [];
    for (let index = 0; index < 12; index += 1) clients.push((await requestToken(either(index), LOGIN, wrong)).status);
    assert.deepEqual(clients, [401, 401, 401, 401, 401, 401, 429, 429, 429, 429, 429, 429]);
    for (const gateway of pair) assert.equal((await login(gateway, { username: 'bob' })).status, 429);
  });
});
