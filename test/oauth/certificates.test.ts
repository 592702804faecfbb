import assert from 'node:assert/strict';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { decodeJwt } from 'jose';
import { WebSocket, WebSocketServer } from 'ws';
import { ConfigError } from '../../src/config/problem.ts';
import { readConfig } from '../../src/gateway.ts';
import {
  type CertificateRequest,
  CLIENT_AUTHENTICATION,
  CN,
  type Identity,
  makeAuthority,
  makeCertificate,
  named,
  O,
  SAN,
  SERVER_AUTHENTICATION,
  thumbprint,
} from '../support/certificates.ts';
import {
  PASSWORD,
  type RunningGateway,
  redisStore,
  SECRET_SHA256,
  startGateway,
  startUpstream,
  writeConfiguration,
} from '../support/gateway.ts';
import { type Answer, call, tlsFiles } from '../support/tls.ts';

const LISTEN = { address: '127.0.0.1:0', shutdown_grace: '0s' };
const GENEROUS = { min_failure_time: '0ms', address: { failures: 1000 }, client: { failures: 1000 } };
const GRANT = { grants: ['password', 'refresh_token'], scopes: ['read'] };

const { root, server, issue } = makeAuthority();
const stranger = makeAuthority();

function logIn(url: string, client: string, identity?: Identity, headers = {}): Promise<Answer> {
  const form = { grant_type: 'password', username: 'ann', password: PASSWORD, client_id: client };
  return call(`${url}/token`, { form, identity, headers });
}

const said = ({ status, body }: Answer) => [status, body.error].filter(Boolean).join(' ');

describe('tls_client_auth', () => {
  const APP: CertificateRequest = {
    subject: [[[O, 'Example']], [[CN, 'app']]],
    alternatives: [
      [SAN.dns, 'app.example.com'],
      [SAN.uri, 'urn:app'],
      [SAN.ip, Buffer.of(10, 0, 0, 1)],
      [SAN.ip, Buffer.from('20010db8000000000000000000000001', 'hex')],
      [SAN.email, 'app@example.com'],
    ],
    usages: [CLIENT_AUTHENTICATION],
  };
  const right = issue(APP);
  const intermediate = issue({ subject: named('intermediate'), isAuthority: true });
  const below = makeCertificate({ ...APP, issuer: intermediate });

  const names: [client: string, config: object][] = [
    ['by-subject', { tls_subject_dn: 'CN=app,O=Example' }],
    ['by-dns', { tls_san_dns: 'APP.example.com' }],
    ['by-uri', { tls_san_uri: 'urn:app' }],
    ['by-ip', { tls_san_ip: '10.0.0.1' }],
    ['by-ipv6', { tls_san_ip: '2001:DB8:0::1' }],
    ['by-email', { tls_san_email: 'app@example.com' }],
  ];

  const refused: [sentence: string, identity: Identity | undefined][] = [
    ['no certificate', undefined],
    ['another authority', stranger.issue(APP)],
    ['another authority of the same name', makeAuthority('Test root').issue(APP)],
    ['signed by itself', makeCertificate(APP)],
    ['expired', issue({ ...APP, validDays: [-3, -1] })],
    ['not valid yet', issue({ ...APP, validDays: [1, 3] })],
    ['a certificate for servers', issue({ ...APP, usages: [SERVER_AUTHENTICATION] })],
    ['issued by a client', makeCertificate({ ...APP, issuer: right })],
    ['below an intermediate that was not sent', below],
    ['other names', issue({ ...APP, subject: named('other'), alternatives: [[SAN.dns, 'other.example.com']] })],
    [
      'the name as a part of one',
      issue({ ...APP, subject: named('app,O=Example'), alternatives: [[SAN.dns, 'x, DNS:app.example.com']] }),
    ],
    [
      'a wildcard',
      issue({
        ...APP,
        subject: named('*'),
        alternatives: [
          [SAN.dns, '*.example.com'],
          [SAN.uri, '*'],
        ],
      }),
    ],
    [
      'the name under another kind',
      issue({
        ...APP,
        subject: named('10.0.0.1'),
        alternatives: [
          [SAN.dns, '10.0.0.1'],
          [SAN.email, 'urn:app'],
          [SAN.uri, 'app.example.com'],
        ],
      }),
    ],
    ['no names at all', issue({ subject: [] })],
  ];

  const clients = [
    ...names.map(([id, name]) => ({ id, auth: 'tls_client_auth', ...name, ...GRANT })),
    { id: 'spa', auth: 'none', ...GRANT },
    { id: 'web', auth: 'client_secret_basic', secret_sha256: SECRET_SHA256, ...GRANT },
  ];

  const start = (context: TestContext) =>
    startGateway(context, {
      listen: { ...LISTEN, tls: tlsFiles(context, server, root.cert) },
      clients,
      login_limits: GENEROUS,
    });

  test('each kind of name lets the right certificate in, and no other', async (context) => {
    const { url } = await start(context);
    for (const [client] of names) {
      assert.equal(said(await logIn(url, client, right)), '200', client);
      for (const [sentence, identity] of refused) {
        assert.equal(said(await logIn(url, client, identity)), '401 invalid_client', `${client}: ${sentence}`);
      }
    }
  });

  test('an intermediate authority may be sent along', async (context) => {
    const { url } = await start(context);
    const chain = { ...below, cert: below.cert + intermediate.cert };
    assert.equal(said(await logIn(url, 'by-subject', chain)), '200');
  });

  test('the registered method decides, whatever certificate the connection has', async (context) => {
    const { url } = await start(context);
    assert.equal(said(await logIn(url, 'spa', right)), '200', 'a public client stays one');
    assert.equal(
      said(await logIn(url, 'web', right)),
      '401 invalid_client',
      'a secret is not replaced by a certificate',
    );
    assert.equal(said(await logIn(url, 'nobody', right)), '401 invalid_client');
    const Authorization = `Basic ${Buffer.from('by-dns:x').toString('base64')}`;
    assert.equal(said(await logIn(url, 'by-dns', right, { Authorization })), '401 invalid_client');
  });

  test('it serves revocation and introspection too, and metadata names it', async (context) => {
    const { url } = await start(context);
    const { access_token: token } = (await logIn(url, 'by-dns', right)).body;
    const form = { client_id: 'by-dns', token: String(token) };
    assert.equal((await call(`${url}/introspect`, { form, identity: right })).body.active, true);
    assert.equal(said(await call(`${url}/introspect`, { form })), '401 invalid_client');
    assert.equal(said(await call(`${url}/revoke`, { form: { ...form, token: 'x' }, identity: right })), '200');
    const { body } = await call(`${url}/.well-known/oauth-authorization-server`);
    assert.deepEqual(body.token_endpoint_auth_methods_supported, ['tls_client_auth', 'none', 'client_secret_basic']);
  });

  test('failures count on the address as others do', async (context) => {
    const { url } = await startGateway(context, {
      listen: { ...LISTEN, tls: tlsFiles(context, server, root.cert) },
      clients,
      login_limits: { address: { failures: 2 } },
    });
    for (let failure = 0; failure < 2; failure += 1) await logIn(url, 'by-dns', stranger.issue(APP));
    assert.equal((await logIn(url, 'by-dns', right)).status, 429);
  });
});

test('a subject that cannot be read is a problem of the file', () => {
  const listen = { tls: { certificate_file: 'a', private_key_file: 'b', client_ca_file: 'c' } };
  const clients = [{ id: 'app', auth: 'tls_client_auth', tls_subject_dn: '/CN=app', ...GRANT }];
  const directory = writeConfiguration({ listen, clients });
  assert.throws(() => readConfig(join(directory, 'gateway.yaml')), ConfigError);
  rmSync(directory, { recursive: true });
});

describe('self_signed_tls_client_auth', () => {
  const own = makeCertificate({ subject: named('app') });
  const other = makeCertificate({ subject: named('app') });
  const { privateKey } = own;
  const renewed = makeCertificate({ subject: named('app'), privateKey });
  const jwk = own.x509.publicKey.export({ format: 'jwk' });
  const client = { auth: 'self_signed_tls_client_auth', ...GRANT };
  const clients = [
    { id: 'key', jwks: { keys: [other.x509.publicKey.export({ format: 'jwk' }), jwk].slice(1) }, ...client },
    { id: 'certificate', jwks: { keys: [{ ...jwk, x5c: [own.x509.raw.toString('base64')] }] }, ...client },
  ];
  const rows: [sentence: string, client: string, identity: Identity | undefined, answer: string][] = [
    ['its key', 'key', own, '200'],
    ['a new certificate of the same key', 'key', renewed, '200'],
    ['the same key, vouched for by somebody', 'key', issue({ subject: named('app'), privateKey }), '200'],
    ['another key', 'key', other, '401 invalid_client'],
    [
      'expired',
      'key',
      makeCertificate({ subject: named('app'), privateKey, validDays: [-3, -1] }),
      '401 invalid_client',
    ],
    [
      'not valid yet',
      'key',
      makeCertificate({ subject: named('app'), privateKey, validDays: [1, 3] }),
      '401 invalid_client',
    ],
    ['no certificate', 'key', undefined, '401 invalid_client'],
    ['its certificate', 'certificate', own, '200'],
    ['another certificate of the same key', 'certificate', renewed, '401 invalid_client'],
  ];

  for (const [sentence, listed] of [
    ['without authorities', undefined],
    ['beside authorities that know none of them', root.cert],
  ] as const) {
    test(`a certificate is judged by its key, ${sentence}`, async (context) => {
      const tls = tlsFiles(context, server, listed);
      const { url } = await startGateway(context, { listen: { ...LISTEN, tls }, clients, login_limits: GENEROUS });
      for (const [row, id, identity, answer] of rows) assert.equal(said(await logIn(url, id, identity)), answer, row);
    });
  }

  test('its key may be behind a jwks_uri, and a server that is out is no verdict', async (context) => {
    let isOut = true;
    const published = await startUpstream(context, (_, response) => {
      response.writeHead(isOut ? 500 : 200).end(JSON.stringify({ keys: [{ kty: 'EC' }, jwk] }));
    });
    const uris = ['out', 'key'].map((id) => ({ id, jwks_uri: `${published.url}/${id}`, ...client }));
    const tls = tlsFiles(context, server);
    const { url } = await startGateway(context, { listen: { ...LISTEN, tls }, clients: uris, login_limits: GENEROUS });
    assert.equal(said(await logIn(url, 'out', own)), '503 temporarily_unavailable');
    isOut = false;
    assert.equal(said(await logIn(url, 'key', own)), '200');
    assert.equal(said(await logIn(url, 'key', other)), '401 invalid_client');
  });
});

describe('a certificate in a header', () => {
  const right = issue({ subject: named('app'), usages: [CLIENT_AUTHENTICATION] });
  const intermediate = issue({ subject: named('intermediate'), isAuthority: true });
  const rfc9440 = ({ x509 }: Identity) => `:${x509.raw.toString('base64')}:`;
  const nginx = ({ cert }: Identity) => encodeURIComponent(cert);

  const start = async (context: TestContext, trusted = '127.0.0.1', authorities = root.cert) => {
    const upstream = await startUpstream(context);
    const { client_ca_file } = tlsFiles(context, server, authorities);
    const gateway = await startGateway(context, {
      listen: {
        ...LISTEN,
        trusted_proxies: [trusted],
        client_certificate_header: 'Client-Cert',
        client_certificate_ca_file: client_ca_file,
      },
      clients: [
        { id: 'app', auth: 'tls_client_auth', tls_subject_dn: 'CN=app', bind_tokens: 'certificate', ...GRANT },
        { id: 'spa', auth: 'none', ...GRANT },
      ],
      login_limits: GENEROUS,
      upstreams: { api: { targets: [upstream.url] } },
      routes: [
        { path: '/read', scopes: ['read'], upstream: 'api' },
        { path: '/open', public: true, upstream: 'api' },
      ],
    });
    return { ...gateway, upstream };
  };

  test('is believed from a trusted proxy, in both forms, if its chain is good', async (context) => {
    const { url } = await start(context, '127.0.0.1', root.cert + intermediate.cert);
    const below = makeCertificate({ subject: named('app'), issuer: intermediate });
    const rows: [sentence: string, value: string | string[], answer: string][] = [
      ['RFC 9440', rfc9440(right), '200'],
      ['URL-encoded PEM', nginx(right), '200'],
      ['below an intermediate of the file', rfc9440(below), '200'],
      ['nothing', '', '401 invalid_client'],
      ['another authority', rfc9440(stranger.issue({ subject: named('app') })), '401 invalid_client'],
      [
        'an authority of the same name',
        rfc9440(makeAuthority('Test root').issue({ subject: named('app') })),
        '401 invalid_client',
      ],
      ['signed by itself', rfc9440(makeCertificate({ subject: named('app') })), '401 invalid_client'],
      ['issued by a client', rfc9440(makeCertificate({ subject: named('app'), issuer: right })), '401 invalid_client'],
      ['expired', rfc9440(issue({ subject: named('app'), validDays: [-3, -1] })), '401 invalid_client'],
      ['for servers', rfc9440(issue({ subject: named('app'), usages: [SERVER_AUTHENTICATION] })), '401 invalid_client'],
      ['another name', rfc9440(issue({ subject: named('other') })), '401 invalid_client'],
      ['sent twice', [rfc9440(right), rfc9440(right)], '400 invalid_request'],
      ['of several hops', `${rfc9440(right)}, ${rfc9440(right)}`, '400 invalid_request'],
      ['two in one', nginx(right) + nginx(right), '400 invalid_request'],
      ['no certificate', ':AAAA:', '400 invalid_request'],
      ['bare base64', right.x509.raw.toString('base64'), '400 invalid_request'],
      ['a broken escape', `${nginx(right)}%`, '400 invalid_request'],
    ];
    for (const [sentence, value, answer] of rows) {
      assert.equal(said(await logIn(url, 'app', undefined, { 'Client-Cert': value })), answer, sentence);
    }
  });

  test('means nothing from anybody else, and never reaches an upstream', async (context) => {
    for (const [trusted, answer] of [
      ['127.0.0.1', '200'],
      ['192.0.2.1', '401 invalid_client'],
    ] as const) {
      const { url, upstream } = await start(context, trusted);
      assert.equal(said(await logIn(url, 'app', undefined, { 'client-cert': rfc9440(right) })), answer);
      const headers = { 'Client-Cert': rfc9440(right), client_cert: 'a', 'CLIENT.CERT': 'b' };
      assert.equal((await call(`${url}/open`, { headers })).status, 200);
      assert.deepEqual(
        Object.keys(upstream.seen[0]?.headers ?? {}).filter((name) => name.includes('cert')),
        [],
      );
    }
    const { url } = await start(context, '192.0.2.1');
    assert.equal((await call(`${url}/open`, { headers: { 'Client-Cert': ['x', 'y'] } })).status, 200);
  });

  test("a proxy's own certificate is not its client's", async (context) => {
    const tls = tlsFiles(context, server, root.cert);
    const { url } = await startGateway(context, {
      listen: { ...LISTEN, tls, trusted_proxies: ['127.0.0.1'], client_certificate_header: 'X-Client-Cert' },
      clients: [{ id: 'app', auth: 'tls_client_auth', tls_subject_dn: 'CN=app', ...GRANT }],
    });
    assert.equal(said(await logIn(url, 'app', right)), '401 invalid_client');
    assert.equal(said(await logIn(url, 'app', undefined, { 'X-Client-Cert': nginx(right) })), '200');
  });

  test('binds tokens as that of a connection does', async (context) => {
    const { url } = await start(context);
    const token = (await logIn(url, 'app', undefined, { 'Client-Cert': nginx(right) })).body.access_token;
    const read = (certificate: object) =>
      call(`${url}/read`, { headers: { Authorization: `Bearer ${token}`, ...certificate } }).then(said);
    assert.equal(await read({ 'Client-Cert': rfc9440(right) }), '200');
    assert.equal(await read({ 'Client-Cert': rfc9440(issue({ subject: named('app') })) }), '401 invalid_token');
    assert.equal(await read({}), '401 invalid_token');
  });
});

for (const [store, settings] of [
  ['the embedded store', () => ({})],
  ['Redis', redisStore],
] as const) {
  describe(`tokens that are bound to a certificate, with ${store}`, () => {
    const mine = makeCertificate({ subject: named('mine') });
    const theirs = makeCertificate({ subject: named('theirs') });
    const basic = `Basic ${Buffer.from('web:s3cret').toString('base64')}`;

    const start = async (context: TestContext) => {
      const echo = createServer((_, response) => void response.end('{}')).listen(0, '127.0.0.1');
      await once(echo, 'listening');
      new WebSocketServer({ server: echo });
      context.after(() => {
        echo.close();
        echo.closeAllConnections();
      });
      return startGateway(context, {
        store: settings(),
        listen: { ...LISTEN, tls: tlsFiles(context, server) },
        clients: [
          { id: 'app', auth: 'none', bind_tokens: 'certificate', ...GRANT },
          { id: 'web', auth: 'client_secret_basic', secret: 's3cret', bind_tokens: 'certificate', ...GRANT },
          { id: 'spa', auth: 'none', ...GRANT },
        ],
        upstreams: { api: { targets: [`http://127.0.0.1:${(echo.address() as AddressInfo).port}`] } },
        routes: [{ path: '/read', scopes: ['read'], upstream: 'api', websocket: true }],
      });
    };

    const refresh = ({ url }: RunningGateway, token: unknown, identity?: Identity, headers = {}) => {
      const client = 'Authorization' in headers ? {} : { client_id: 'app' };
      const form = { grant_type: 'refresh_token', refresh_token: String(token), ...client };
      return call(`${url}/token`, { form, identity, headers });
    };

    test('carry its thumbprint, which introspection and metadata tell', async (context) => {
      const { url } = await start(context);
      const { access_token: token } = (await logIn(url, 'app', mine)).body;
      const cnf = { 'x5t#S256': thumbprint(mine) };
      assert.deepEqual(decodeJwt(String(token)).cnf, cnf);
      const told = await call(`${url}/introspect`, {
        form: { token: String(token) },
        headers: { Authorization: basic },
      });
      assert.deepEqual(told.body.cnf, cnf);
      assert.equal(decodeJwt(String((await logIn(url, 'spa', mine)).body.access_token)).cnf, undefined);
      const { body } = await call(`${url}/.well-known/oauth-authorization-server`);
      assert.equal(body.tls_client_certificate_bound_access_tokens, true);
    });

    test('are not issued without one', async (context) => {
      const { url } = await start(context);
      assert.equal(said(await logIn(url, 'app')), '400 invalid_request');
    });

    test('open nothing without it, however often they were good before', async (context) => {
      const { url } = await start(context);
      const { access_token: token } = (await logIn(url, 'app', mine)).body;
      const headers = { Authorization: `Bearer ${token}` };
      for (let round = 0; round < 2; round += 1) {
        assert.equal((await call(`${url}/read`, { headers, identity: mine })).status, 200);
        for (const identity of [theirs, undefined]) {
          const answer = await call(`${url}/read`, { headers, identity });
          assert.equal(said(answer), '401 invalid_token');
          assert.match(String(answer.headers['www-authenticate']), /^Bearer error="invalid_token"/);
        }
      }
    });

    test('open a WebSocket with it, and none without', async (context) => {
      const { url } = await start(context);
      const { access_token: token } = (await logIn(url, 'app', mine)).body;
      const dial = async (identity: Identity): Promise<number> => {
        const socket = new WebSocket(`${url.replace('https', 'wss')}/read`, {
          headers: { Authorization: `Bearer ${token}` },
          rejectUnauthorized: false,
          cert: identity.cert,
          key: identity.key,
        });
        const status = new Promise<number>((resolve) => {
          socket.on('open', () => resolve(101));
          socket.on('unexpected-response', (_, response) => resolve(response.statusCode ?? 0));
        });
        socket.on('error', () => {});
        const seen = await status;
        socket.terminate();
        return seen;
      };
      assert.equal(await dial(mine), 101);
      assert.equal(await dial(theirs), 401);
    });

    test("a public client's refresh tokens need it too, and outlive a try with another one", async (context) => {
      const gateway = await start(context);
      const { refresh_token: token } = (await logIn(gateway.url, 'app', mine)).body;
      assert.equal(said(await refresh(gateway, token)), '400 invalid_request');
      assert.equal(said(await refresh(gateway, token, theirs)), '400 invalid_grant');
      const revoke = (identity: Identity, form: unknown) =>
        call(`${gateway.url}/revoke`, { form: { client_id: 'app', token: String(form) }, identity });
      assert.equal(said(await revoke(theirs, token)), '200');
      const next = await refresh(gateway, token, mine);
      assert.equal(said(next), '200');
      assert.deepEqual(decodeJwt(String(next.body.access_token)).cnf, { 'x5t#S256': thumbprint(mine) });
      assert.equal(said(await revoke(mine, next.body.refresh_token)), '200');
      assert.equal(said(await refresh(gateway, next.body.refresh_token, mine)), '400 invalid_grant');
    });

    test('a client that authenticates may renew its certificate, and its next tokens are bound to that', async (context) => {
      const gateway = await start(context);
      const headers = { Authorization: basic };
      const form = { grant_type: 'password', username: 'ann', password: PASSWORD };
      const { body } = await call(`${gateway.url}/token`, { form, headers, identity: mine });
      const next = await refresh(gateway, body.refresh_token, theirs, headers);
      assert.deepEqual(decodeJwt(String(next.body.access_token)).cnf, { 'x5t#S256': thumbprint(theirs) });
    });
  });
}
