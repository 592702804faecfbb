import assert from 'node:assert/strict';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import { examine } from '../../src/commands/check.ts';
import { formats } from '../../src/commands/problem-formats.ts';
import { isWarning, type Problem } from '../../src/config/problem.ts';
import { makeAuthority } from '../support/certificates.ts';
import { postern } from '../support/cli.ts';
import { type Settings, startUpstream, writeConfiguration } from '../support/gateway.ts';
import { startIssuer } from '../support/issuer.ts';
import { type RunningRedis, startRedis } from '../support/redis.ts';

/** Nobody listens there. */
const DEAD = '127.0.0.1:1';

const ACL = '--user noscripts on >secret +@all -@scripting ~*';
let redis: RunningRedis;
before(async () => {
  redis = await startRedis(0, ['--requirepass', 'secret', ...ACL.split(' ')]);
});
after(() => redis.stop());

function fileOf(test: TestContext, settings: Settings): string {
  const directory = writeConfiguration(settings);
  test.after(() => rmSync(directory, { recursive: true }));
  return join(directory, 'gateway.yaml');
}

async function errorsIn(file: string): Promise<readonly Problem[]> {
  return (await examine(file, { online: true })).problems.filter((problem) => !isWarning(problem));
}

/** The codes of what does not work, and the key in the line that each points at. */
async function told(file: string): Promise<string[]> {
  const problems = await errorsIn(file);
  const { stderr } = formats.text([{ file, problems }]);
  const lines = stderr.split('\n');
  return problems.map(({ code, position }) => {
    const at = lines.findIndex((line) => line.startsWith(`${file}:${position.line}:${position.column}:`));
    return `${code} ${lines[at + 1]?.trim()}`;
  });
}

/** TLS, with a certificate that nobody has to trust. */
async function startTls(test: TestContext) {
  const { root, server: identity } = makeAuthority();
  const server = createServer({ key: identity.key, cert: identity.cert }, (_, response) => response.end());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  test.after(() => server.close());
  return { url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, ca: root.cert };
}

/** Accepts connections and never says a word. */
async function startSilent(test: TestContext): Promise<string> {
  const sockets = new Set<{ destroy(): void }>();
  const server = createTcpServer((socket) => sockets.add(socket.on('error', () => {}))).listen(0, '127.0.0.1');
  await once(server, 'listening');
  test.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const oauth = (token_endpoint: string, more = {}) => ({
  type: 'oauth',
  token_endpoint,
  client_id: 'postern',
  client_secret: 'secret',
  attributes: { sub: 'access_token.sub' },
  ...more,
});
const signs = { accept: { status: 302 }, reject: { status: 200 } };

describe('check --online tells', () => {
  test('nothing where all works', async (context) => {
    const [upstream, issuer, tls] = await Promise.all([
      startUpstream(context),
      startIssuer(context),
      startTls(context),
    ]);
    const file = fileOf(context, {
      store: { redis: `redis://:secret@127.0.0.1:${redis.port}`, timeout: '5s' },
      tokens: {
        issuer: 'https://gateway.example',
        audience: 'api',
        trusted_issuers: [
          { issuer: issuer.url, audience: 'a', algorithms: ['ES256', 'RS256'] },
          { issuer: 'https://other.example', jwks_uri: `${issuer.url}/jwks`, audience: 'a' },
        ],
      },
      users: {
        other: oauth(`${tls.url}/token`, { tls: { ca_file: 'ca.pem' }, timeout: '5s' }),
        old: {
          type: 'legacy_login',
          url: `${upstream.url}/login`,
          form: { u: '{username}', p: '{password}' },
          ...signs,
        },
      },
      upstreams: { api: { targets: [upstream.url] } },
    });
    writeFileSync(join(file, '..', 'ca.pem'), tls.ca);
    assert.deepEqual(await told(file), []);
    assert.deepEqual(upstream.seen, [], 'no request was sent');
    assert.deepEqual([...new Set(issuer.asked)], ['/.well-known/openid-configuration', '/jwks']);
  });

  test('what does not work, at the key that points there', async (context) => {
    const [issuer, tls, silent] = await Promise.all([startIssuer(context), startTls(context), startSilent(context)]);
    const file = fileOf(context, {
      store: { redis: `redis://${DEAD}` },
      tokens: {
        issuer: 'https://gateway.example',
        audience: 'api',
        trusted_issuers: [
          { issuer: issuer.url, audience: 'a', algorithms: ['ES256', 'EdDSA'] },
          { issuer: 'https://other.example', jwks_uri: `${issuer.url}/gone`, audience: 'a' },
        ],
      },
      clients: [
        { id: 'a', auth: 'private_key_jwt', jwks_uri: `http://${DEAD}/keys`, grants: ['password'], scopes: ['read'] },
      ],
      users: {
        sql: { type: 'sql', url: `postgres://u@${DEAD}/db`, query: 'select $1' },
        ldap: {
          type: 'ldap',
          url: [`ldap://${DEAD}`, `ldap://${silent}`],
          user_dn: 'uid={username},dc=x',
          attributes: { sub: 'uid' },
          timeout: '200ms',
        },
        other: oauth(`${tls.url}/token`, { userinfo_endpoint: `http://${DEAD}/me` }),
        old: {
          type: 'legacy_login',
          url: `http://${DEAD}/login`,
          form: { u: '{username}', p: '{password}' },
          whoami: { url: `http://${DEAD}/me`, attributes: { sub: '$.sub' } },
          timeout: '200ms',
          ...signs,
        },
      },
      upstreams: { api: { targets: [`http://${DEAD}`, tls.url, `https://${silent}`], connect_timeout: '200ms' } },
    });
    assert.deepEqual(await told(file), [
      `issuer-keys - issuer: ${issuer.url}`,
      `issuer-keys jwks_uri: ${issuer.url}/gone`,
      `client-keys jwks_uri: http://${DEAD}/keys`,
      `users-unreachable url: ${'*'.repeat(`postgres://u@${DEAD}/db`.length)}`,
      `users-unreachable - ldap://${DEAD}`,
      `users-unreachable - ldap://${silent}`,
      `users-unreachable token_endpoint: ${tls.url}/token`,
      `users-unreachable userinfo_endpoint: http://${DEAD}/me`,
      `users-unreachable url: ${'*'.repeat(`http://${DEAD}/login`.length)}`,
      `users-unreachable url: ${'*'.repeat(`http://${DEAD}/me`.length)}`,
      `upstream-unreachable - http://${DEAD}`,
      `upstream-unreachable - ${tls.url}`,
      `upstream-unreachable - https://${silent}`,
      `store-unreachable redis: redis://${DEAD}`,
    ]);
    assert.equal((await examine(file)).result, 'sound', 'nobody is asked otherwise');
  });

  const REDIS: [sentence: string, credentials: string, code: string, reason: RegExp][] = [
    ['a Redis that wants a password', '', 'store-unreachable', /NOAUTH/],
    ['a Redis that wants another password', ':wrong@', 'store-unreachable', /WRONGPASS/],
    ['a Redis that runs no scripts for this user', 'noscripts:secret@', 'store-scripts', /NOPERM/],
  ];
  for (const [sentence, credentials, code, reason] of REDIS) {
    test(sentence, async (context) => {
      const file = fileOf(context, {
        store: { redis: `redis://${credentials}127.0.0.1:${redis.port}`, timeout: '5s' },
      });
      const [problem, ...others] = await errorsIn(file);
      assert.deepEqual([problem?.code, others], [code, []]);
      assert.match(problem?.message ?? '', reason);
      assert.doesNotMatch(problem?.message ?? '', /secret|wrong/);
    });
  }
});

test('a file with mistakes is not tried, and the exit codes tell mistakes from what does not work', async (context) => {
  const down = fileOf(context, { upstreams: { api: { targets: [`http://${DEAD}`] } } });
  const mistaken = fileOf(context, { upstreams: { api: { targets: [`http://${DEAD}`], hots: 'x' } } });
  const { code, stdout } = await postern(['check', '--online', '--format', 'sarif', down]);
  assert.equal(code, 1);
  const results = JSON.parse(stdout).runs[0].results.map(({ ruleId, level }: Record<string, string>) =>
    [ruleId, level].join(' '),
  );
  assert.ok(results.includes('upstream-unreachable error'));
  const problems = await errorsIn(mistaken);
  assert.equal((await examine(mistaken, { online: true })).result, 'mistaken');
  assert.deepEqual(
    problems.map((problem) => problem.code),
    [undefined],
  );
  const [problem] = await errorsIn(down);
  const github = formats.github([{ file: down, problems: problem ? [problem] : [] }]).stdout;
  assert.match(github, /^::error .*title=upstream-unreachable::connect ECONNREFUSED/);
});
