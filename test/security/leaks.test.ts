import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { SignJWT } from 'jose';
import { readConfig } from '../../src/gateway.ts';
import { spellingsOf } from '../leak-search.ts';
import { postern } from '../support/cli.ts';
import { login, type Settings, startGateway, startUpstream, writeConfiguration } from '../support/gateway.ts';
import { sendRaw, statuses } from '../support/raw.ts';
import { startRedis } from '../support/redis.ts';
import { type ServedGateway, serveGateway } from './served-gateway.ts';

/**
 * What a gateway must keep to itself gets out beside the answers: into logs at a level that nobody tries, into the text of
 * an error, into metrics, into a file that the next user of the host can read, or through an admin port that a web page
 * reaches from the browser of an operator (DNS rebinding). Here a gateway with secrets of every kind, whose log tells all,
 * lives through good requests, bad ones and outages, and then all that it ever said is searched for them.
 */

const QUIET_MS = 5000;
const secret = () => randomBytes(18).toString('base64url');

const OPERATOR_SECRETS = { web: secret(), post: secret(), signed: secret() + secret(), admin: secret() };
const TYPED = { password: secret(), secret: secret(), token: secret(), refreshToken: secret(), cookie: secret() };
const basic = (id: string, password: string) => `Basic ${Buffer.from(`${id}:${password}`).toString('base64')}`;

const CLIENT = { grants: ['password', 'refresh_token'], scopes: ['read'], id_token: true };
const CLIENTS = [
  { ...CLIENT, id: 'web', auth: 'client_secret_basic', secret: OPERATOR_SECRETS.web },
  { ...CLIENT, id: 'post', auth: 'client_secret_post', secret: OPERATOR_SECRETS.post },
  { ...CLIENT, id: 'signed', auth: 'client_secret_jwt', secret: OPERATOR_SECRETS.signed },
];

/** Either half of a secret is one too. */
function partsOf(value: string): string[] {
  return value.length >= 24 ? [value, value.slice(0, 12), value.slice(-12)] : [value];
}

function assertWithout(text: string, secrets: Record<string, string>, where: string): void {
  for (const [name, value] of Object.entries(secrets)) {
    assert.ok(value.length >= 10, `${name} is a secret that can be searched for`);
    for (const spelling of partsOf(value).flatMap(spellingsOf))
      assert.ok(!text.includes(spelling), `${name} is in ${where}`);
  }
}

/** All that was told to callers whose requests failed. */
interface Round {
  readonly errors: string[];
  readonly secrets: Record<string, string>;
}

async function ask(round: Round, url: string, init: RequestInit = {}): Promise<Response> {
  const response = await fetch(url, init);
  const text = await response.clone().text();
  if (response.status >= 400) round.errors.push(`${JSON.stringify([...response.headers])} ${text}`);
  return response;
}

async function askToken(round: Round, url: string, form: Record<string, string>, authorization = '') {
  const headers = { 'Content-Type': 'application/x-www-form-urlencoded', ...(authorization && { authorization }) };
  const body = new URLSearchParams(form);
  return (await (await ask(round, url, { method: 'POST', headers, body })).json()) as Record<string, string>;
}

const LOGIN = { grant_type: 'password', username: 'ann', password: 'correct horse' };

async function assertion(id: string): Promise<Record<string, string>> {
  const now = Math.floor(Date.now() / 1000);
  const signed = await new SignJWT({ jti: secret() })
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuer(id)
    .setSubject(id)
    .setAudience('https://gateway.example/auth')
    .setExpirationTime(now + 60)
    .sign(Buffer.from(OPERATOR_SECRETS.signed));
  return {
    client_assertion: signed,
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
  };
}

/** Something of everything that callers do, right and wrong. Notes each token that they get. */
async function liveThrough(round: Round, { url, adminUrl }: ServedGateway): Promise<void> {
  const [token, web] = [`${url}/token`, basic('web', OPERATOR_SECRETS.web)];
  const tokens = await askToken(round, token, LOGIN, web);
  const refreshed = await askToken(
    round,
    token,
    { grant_type: 'refresh_token', refresh_token: tokens.refresh_token ?? '' },
    web,
  );
  const signed = await assertion('signed');
  const [, , third = ''] = (signed.client_assertion ?? '').split('.');
  for (const [name, value] of Object.entries({ ...tokens, ...prefixed('refreshed', refreshed) })) {
    if (/access_token|id_token$/.test(name)) Object.assign(round.secrets, jwtParts(name, value));
    if (/refresh_token/.test(name)) round.secrets[name] = value;
  }
  round.secrets['the signature of an assertion'] = third;

  await askToken(round, token, { ...LOGIN, client_id: 'post', client_secret: OPERATOR_SECRETS.post });
  await askToken(round, token, { ...LOGIN, ...signed });
  await askToken(round, token, { ...LOGIN, ...signed });
  await askToken(round, token, { ...LOGIN, password: TYPED.password }, web);
  await askToken(round, token, { ...LOGIN, username: 'nobody', password: TYPED.password }, web);
  await askToken(round, token, LOGIN, basic('web', TYPED.secret));
  await askToken(round, token, LOGIN, `Bearer ${TYPED.token}`);
  await askToken(round, token, { ...LOGIN, client_id: 'post', client_secret: TYPED.secret });
  await askToken(round, token, { ...LOGIN, client_assertion: TYPED.token, client_assertion_type: TYPED.token });
  await askToken(round, token, { ...LOGIN, scope: TYPED.token, grant_type: TYPED.token }, web);
  await askToken(round, token, { grant_type: 'refresh_token', refresh_token: TYPED.refreshToken }, web);
  await askToken(
    round,
    token,
    { grant_type: 'refresh_token', refresh_token: tokens.refresh_token ?? '' },
    basic('web', 'x'),
  );
  await askToken(round, `${token}?password=${TYPED.password}`, LOGIN, web);
  await askToken(round, `${url}/introspect`, { token: refreshed.access_token ?? '' }, web);
  await askToken(round, `${url}/introspect`, { token: TYPED.token }, web);
  await askToken(round, `${url}/revoke`, { token: TYPED.token }, basic('web', TYPED.secret));

  const bearer = { Authorization: `Bearer ${refreshed.access_token}`, Cookie: `session=${TYPED.cookie}` };
  await ask(round, `${url}/read?access_token=${TYPED.token}`);
  await ask(round, `${url}/read?key=${TYPED.token}`, { headers: bearer });
  await ask(round, `${url}/read?access_token=${refreshed.access_token}`, { headers: bearer });
  await ask(round, `${url}/read`, { headers: { Authorization: `Bearer ${TYPED.token}` } });
  await ask(round, `${url}/read`, { headers: { Authorization: `Bearer ${refreshed.access_token}x` } });
  await ask(round, `${url}/read`, { headers: { Authorization: `Bearer ${refreshed.id_token}` } });
  await ask(round, `${url}/write`, { headers: bearer });
  await ask(round, `${url}/dead/${TYPED.token}`, { headers: bearer });
  await ask(round, `${url}/cut`, { headers: bearer });
  await ask(round, `${url}/unknown/${refreshed.access_token}`, { headers: bearer });
  await ask(round, `${url}/read`, { method: 'POST', headers: bearer, body: TYPED.password });
  for (const request of [
    `GET /${TYPED.token} HTTP/1.1\r\nHost: x\r\nAuthorization : Bearer ${TYPED.token}\r\n\r\n`,
    `GET /read HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${TYPED.token}\x01\r\n\r\n`,
    `GET /read HTTP/1.1\r\nHost: x\r\nX-Request-Id: ${TYPED.token} \xff\r\nConnection: close\r\nAuthorization: Basic ${TYPED.token}\r\n\r\n`,
    `POST /token HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Encoding: ${TYPED.token.slice(0, 8)}\r\nContent-Length: 4\r\n\r\na=bc`,
    `GET /chat HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer ${TYPED.token}\r\n\r\n`,
  ]) {
    round.errors.push(await sendRaw({ url }, request, QUIET_MS));
  }

  const admin = (path: string, value: string, method = 'GET') =>
    ask(round, adminUrl + path, { method, headers: { Authorization: `Bearer ${value}` } });
  await admin('/sessions?user=ann', OPERATOR_SECRETS.admin);
  await admin('/sessions?user=ann', TYPED.secret);
  await admin(`/sessions?user=ann&x=${TYPED.token}`, OPERATOR_SECRETS.admin);
  await admin(`/${TYPED.token}`, OPERATOR_SECRETS.admin);
}

function jwtParts(name: string, token: string): Record<string, string> {
  const [, payload = '', signature = ''] = token.split('.');
  return { [`the payload of ${name}`]: payload, [`the signature of ${name}`]: signature };
}

function prefixed(prefix: string, values: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [`${prefix} ${name}`, value]));
}

/** What belongs to the inside of the gateway: places in its files, frames of a stack, names of what it is made of, errors of the system. */
const INTERNAL =
  /node:|node_modules|\.(ts|js|ya?ml|pem)\b|\/(src|dist|build|tmp|home|root|usr)\/|\bat \S+ \(|[A-Z]\w*Error|undefined|ECONN|EPIPE|HPE_|[Kk]oa|undici|[Jj]ose|JW[STE]|[Rr]edis|pino|argon2|bcrypt|127\.0\.0\.1/;

function assertBland(errors: readonly string[]): void {
  for (const error of errors) {
    const body = /\{"error.*$/s.exec(error)?.[0] ?? '';
    assert.doesNotMatch(body, INTERNAL);
    assert.doesNotMatch(error, /"?(server|x-powered-by|via)"?[:,]/i);
    if (!body) continue;
    const told = Object.keys(JSON.parse(body)).filter((key) => key !== 'request_id');
    assert.deepEqual(told, ['error', 'error_description'], error);
  }
}

async function startServed(context: Parameters<typeof serveGateway>[0], settings: Settings) {
  const upstream = await startUpstream(context);
  const cutting = await startUpstream(context, (_, response) => void response.destroy());
  const upstreams = {
    api: { targets: [upstream.url], identity_headers: { 'X-User': '{token.sub}' } },
    dead: { targets: ['http://127.0.0.1:1'] },
    cut: { targets: [cutting.url] },
  };
  return serveGateway(context, {
    log: { level: 'trace' },
    admin: { address: '127.0.0.1:0', token: OPERATOR_SECRETS.admin },
    clients: CLIENTS,
    upstreams,
    routes: [
      { path: '/read', scopes: ['read'], methods: ['GET'], upstream: 'api' },
      { path: '/write', scopes: ['write'], upstream: 'api' },
      { path: '/dead/**', scopes: ['read'], upstream: 'dead' },
      { path: '/cut', scopes: ['read'], upstream: 'cut' },
      { path: '/chat', scopes: ['read'], websocket: true, upstream: 'api' },
    ],
    ...settings,
  });
}

async function searchAll(round: Round, gateway: ServedGateway): Promise<void> {
  const metrics = await fetch(`${gateway.adminUrl}/metrics`, {
    headers: { Authorization: `Bearer ${OPERATOR_SECRETS.admin}` },
  });
  assert.equal(metrics.status, 200);
  const gauges = await metrics.text();
  await gateway.stop();
  assert.ok(gateway.output().includes('"username":"ann"'), 'the log is there');
  assert.ok(round.errors.length > 20, 'and so are the errors');
  const hashes = readFileSync(join(gateway.directory, 'users.yaml'), 'utf8').match(/\$[\w/+$=,.]{40,}/g) ?? [];
  const secrets = {
    ...OPERATOR_SECRETS,
    ...TYPED,
    ...round.secrets,
    'the password of ann': LOGIN.password,
    ...Object.fromEntries(hashes.map((hash, index) => [`password hash ${index}`, hash.slice(-22)])),
  };
  assertWithout(gateway.output(), secrets, 'the log');
  assertWithout(gauges, secrets, 'the metrics');
  assertWithout(round.errors.join('\n'), secrets, 'the errors');
  assertBland(round.errors);
}

describe('no secret is in logs, errors and metrics', () => {
  test('of a gateway whose Redis wants a password, also when Redis is out', async (context) => {
    const [password, encryptionKey] = [secret(), randomBytes(32).toString('hex')];
    const redis = await startRedis(0, ['--requirepass', password]);
    context.after(redis.stop);
    const gateway = await startServed(context, {
      store: { redis: `redis://:${password}@127.0.0.1:${redis.port}/0` },
      tokens: { signing: { algorithm: 'ES256', encryption_key: encryptionKey } },
    });
    const round: Round = { errors: [], secrets: { 'of Redis': password, 'the encryption key': encryptionKey } };
    await liveThrough(round, gateway);
    await redis.stop();
    await liveThrough(round, gateway);
    assert.ok(round.errors.some((error) => error.includes('temporarily_unavailable')));
    await searchAll(round, gateway);
  });

  test('of a gateway with keys in files, and a users file that breaks while it runs', async (context) => {
    const gateway = await startServed(context, { tokens: { signing: { keys_dir: 'keys' } } });
    const round: Round = { errors: [], secrets: {} };
    await liveThrough(round, gateway);
    const [name = ''] = readdirSync(join(gateway.directory, 'keys'));
    const pem = readFileSync(join(gateway.directory, 'keys', name), 'utf8')
      .split('\n')
      .slice(1, -2);
    for (const [index, line] of pem.slice(0, -1).entries()) round.secrets[`line ${index} of the private key`] = line;
    const users = join(gateway.directory, 'users.yaml');
    const good = readFileSync(users, 'utf8');
    for (const broken of [
      good.replace('hash: $', 'hash: | $'),
      good.replace('hash: $', 'hash "$'),
      good.replace('$v=19', '$v=x'),
    ]) {
      writeFileSync(users, broken);
      await new Promise((resolve) => setTimeout(resolve, 800));
      await askToken(round, `${gateway.url}/token`, LOGIN, basic('web', OPERATOR_SECRETS.web));
    }
    writeFileSync(join(gateway.directory, 'keys', 'z.pem'), pem.join('\n'));
    await new Promise((resolve) => setTimeout(resolve, 5500));
    writeFileSync(users, good);
    assert.match(gateway.output(), /users\.yaml:\d+:\d+: /);
    assert.match(gateway.output(), /signing keys not read again/);
    await searchAll(round, gateway);
  });

  test('and the search finds what it looks for', () => {
    const value = secret();
    for (const text of [
      value,
      `x${value}x`,
      basic('web', value),
      encodeURIComponent(`:${value}`),
      value.slice(0, 12),
    ]) {
      assert.throws(() => assertWithout(`before ${text} after`, { value }, 'it'), text);
    }
  });
});

describe('files with secrets', () => {
  test('are made for their owner alone, whatever the umask', async (context) => {
    const before = process.umask(0);
    context.after(() => void process.umask(before));
    const gateway = await startGateway(context, { tokens: { signing: { algorithm: 'ES256', keys_dir: 'made/keys' } } });
    const folder = join(gateway.directory, 'made', 'keys');
    const { code } = await postern(['keys', 'rotate', join(gateway.directory, 'gateway.yaml')]);
    assert.equal(code, 0);
    assert.equal(statSync(folder).mode & 0o777, 0o700);
    assert.deepEqual(
      readdirSync(folder).map((name) => statSync(join(folder, name)).mode & 0o777),
      [0o600, 0o600],
    );
  });

  const SECRET_IN = { clients: CLIENTS.slice(0, 1) };
  process.env.POSTERN_TEST_SECRET = secret();
  const VARIABLE_IN = { clients: [{ ...CLIENTS[0], secret: `\${POSTERN_TEST_SECRET}` }] };
  const ENCRYPTED = { tokens: { signing: { encryption_key: randomBytes(32).toString('hex') } } };
  const rows: [sentence: string, settings: Settings, file: string, mode: number, warned: boolean][] = [
    ['users for the owner alone', {}, 'users.yaml', 0o600, false],
    ['users that nobody may write', {}, 'users.yaml', 0o400, false],
    ['users for the group', {}, 'users.yaml', 0o640, true],
    ['users for everybody', {}, 'users.yaml', 0o644, true],
    ['users that others may write', {}, 'users.yaml', 0o602, true],
    ['a key for its owner alone', { tokens: { signing: { keys_dir: 'keys' } } }, 'keys/a.pem', 0o600, false],
    ['a key for everybody', { tokens: { signing: { keys_dir: 'keys' } } }, 'keys/a.pem', 0o644, true],
    ['gateway.yaml without a secret, for everybody', {}, 'gateway.yaml', 0o644, false],
    ['gateway.yaml with a secret, for its owner alone', SECRET_IN, 'gateway.yaml', 0o600, false],
    ['gateway.yaml with a client secret, for everybody', SECRET_IN, 'gateway.yaml', 0o644, true],
    ['gateway.yaml with a client secret, for the group', SECRET_IN, 'gateway.yaml', 0o640, true],
    ['gateway.yaml with the name of a variable', VARIABLE_IN, 'gateway.yaml', 0o644, false],
    ['gateway.yaml with an admin token', { admin: { token: 'x' } }, 'gateway.yaml', 0o644, true],
    ['gateway.yaml with an encryption key', ENCRYPTED, 'gateway.yaml', 0o644, true],
    ['gateway.yaml with a Redis password', { store: { redis: 'redis://:x@h' } }, 'gateway.yaml', 0o644, true],
    [
      'gateway.yaml with a database password',
      { users: { db: { type: 'sql', url: 'postgres://u:x@h/d', query: 'select password_hash from u where n = $1' } } },
      'gateway.yaml',
      0o644,
      true,
    ],
    [
      "gateway.yaml with the gateway's own client secret",
      {
        users: {
          idp: { type: 'oauth', token_endpoint: 'https://idp.example/token', client_id: 'a', client_secret: 'x' },
        },
      },
      'gateway.yaml',
      0o644,
      true,
    ],
    [
      'gateway.yaml with a password of a directory',
      {
        users: {
          ad: {
            type: 'ldap',
            url: 'ldaps://h',
            bind_dn: 'cn=x',
            bind_password: 'x',
            base_dn: 'dc=x',
            filter: '(uid={username})',
            attributes: { sub: 'uid' },
          },
        },
      },
      'gateway.yaml',
      0o644,
      true,
    ],
    ['gateway.yaml with a Redis that has none', { store: { redis: 'redis://h' } }, 'gateway.yaml', 0o644, false],
  ];
  test('are warned about where others can read or write them', () => {
    for (const [sentence, settings, file, mode, warned] of rows) {
      const directory = writeConfiguration(settings);
      mkdirSync(join(directory, 'keys'));
      if (file.startsWith('keys/')) writeFileSync(join(directory, file), '');
      chmodSync(join(directory, file), mode);
      const codes = readConfig(join(directory, 'gateway.yaml')).warnings.map(({ code }) => code);
      assert.equal(codes.includes('readable-secret'), warned, sentence);
    }
  });

  test('are warned about by check, and in the log', async (context) => {
    const file = join(writeConfiguration(), 'gateway.yaml');
    chmodSync(join(file, '..', 'users.yaml'), 0o644);
    const { code, stderr } = await postern(['check', file]);
    assert.equal(code, 0);
    assert.match(stderr, /^\S+gateway\.yaml:\d+:\d+: warning: .*users\.yaml.* \[readable-secret\]$/m);
    const users = { staff: { type: 'file', path: join(file, '..', 'users.yaml') } };
    const { records } = await startGateway(context, { tokens: { signing: { algorithm: 'ES256' } }, users });
    assert.equal(records.find(({ code }) => code === 'readable-secret')?.level, 'warn');
  });
});

describe('the admin address', () => {
  test('is not opened to others without a token', async () => {
    const rows: [address: string, token: string, sound: boolean][] = [
      ['127.0.0.1:0', '', true],
      ['127.9.9.9:0', '', true],
      ['[::1]:0', '', true],
      ['localhost:0', '', true],
      [':9901', '', false],
      ['0.0.0.0:9901', '', false],
      ['[::]:9901', '', false],
      ['192.0.2.1:9901', '', false],
      ['[2001:db8::1]:9901', '', false],
      ['[::ffff:192.0.2.1]:9901', '', false],
      ['localhost.example.com:9901', '', false],
      [':9901', 'x', true],
    ];
    for (const [address, token, sound] of rows) {
      const file = join(writeConfiguration({ admin: { address, token } }), 'gateway.yaml');
      if (sound) assert.ok(readConfig(file), address);
      else assert.throws(() => readConfig(file), /`token`/, address);
    }
    const served = await postern(['serve', join(writeConfiguration({ admin: { address: ':0' } }), 'gateway.yaml')]);
    assert.equal(served.code, 2);
  });

  test('answers no web page, whatever name leads to it', async (context) => {
    const gateway = await startGateway(context, { tokens: { signing: { algorithm: 'ES256' } } });
    await login(gateway);
    const { host, port } = new URL(gateway.adminUrl);
    const rows: [sentence: string, target: string, headers: string[], status: number][] = [
      ['a program', '/metrics', [`Host: ${host}`], 200],
      ['a rebound name', '/metrics', [`Host: evil.example:${port}`], 403],
      ['a rebound name with its own origin', '/metrics', ['Host: evil.example', 'Origin: http://evil.example'], 403],
      ['a name of addresses', '/metrics', [`Host: 127.0.0.1.nip.io:${port}`], 403],
      ['a name that begins with localhost', '/metrics', ['Host: localhost.evil.example'], 403],
      ['a name that ends with localhost', '/metrics', ['Host: evil.localhost'], 403],
      ['credentials before the address', '/metrics', ['Host: evil.example@127.0.0.1'], 403],
      ['an address in other digits', '/metrics', ['Host: 0x7f.1'], 403],
      ['an empty Host', '/metrics', ['Host:'], 403],
      ['two Hosts', '/metrics', ['Host: evil.example', `Host: ${host}`], 403],
      ['an absolute target', `http://evil.example/metrics`, [`Host: ${host}`], 404],
      ['another origin', '/metrics', [`Host: ${host}`, 'Origin: https://evil.example'], 403],
      ['another port of this host', '/metrics', [`Host: ${host}`, 'Origin: http://127.0.0.1:3000'], 403],
      ['an opaque origin', '/metrics', [`Host: ${host}`, 'Origin: null'], 403],
      ['the sessions', '/sessions?user=ann', ['Host: evil.example'], 403],
      ['the end of sessions', '/sessions?user=ann', ['Host: evil.example'], 403],
      ['why a request was refused', '/explain?request=1', ['Host: evil.example'], 403],
      ['what would become of a request', '/explain', [`Host: ${host}`, 'Origin: https://evil.example'], 403],
    ];
    for (const [sentence, target, headers, status] of rows) {
      const method = sentence.startsWith('the end') ? 'DELETE' : sentence.startsWith('what would') ? 'POST' : 'GET';
      const answer = await sendRaw(
        { url: gateway.adminUrl },
        `${method} ${target} HTTP/1.1\r\n${headers.join('\r\n')}\r\nConnection: close\r\n\r\n`,
        QUIET_MS,
      );
      assert.deepEqual(statuses(answer), [status], sentence);
      if (status !== 200) assert.doesNotMatch(answer, /postern_|ann/, sentence);
      assert.doesNotMatch(answer, /access-control-/i, sentence);
    }
    const answer = await sendRaw({ url: gateway.adminUrl }, 'GET /metrics HTTP/1.0\r\n\r\n', QUIET_MS);
    assert.deepEqual(statuses(answer), [403], 'no Host at all');
    const sessions = await fetch(`${gateway.adminUrl}/sessions?user=ann`);
    assert.equal(((await sessions.json()) as { sessions: unknown[] }).sessions.length, 1, 'nothing was ended');
  });
});
