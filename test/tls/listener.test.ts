import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, connect as connectClear } from 'node:net';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { WebSocket, WebSocketServer } from 'ws';
import type { Config } from '../../src/config/schema.ts';
import { tlsOptions } from '../../src/tls/server.ts';
import { type Identity, makeAuthority } from '../support/certificates.ts';
import { type RunningGateway, startGateway, startUpstream } from '../support/gateway.ts';
import { call, tlsFiles } from '../support/tls.ts';

const LISTEN = { address: '127.0.0.1:0', shutdown_grace: '0s' };
const { root, server, issue } = makeAuthority();

/** A gateway that listens with TLS, in front of an API that answers `/open`. */
async function startSecure(context: TestContext, listen: object = {}) {
  const files = tlsFiles(context, server);
  const upstream = await startUpstream(context);
  const gateway = await startGateway(context, {
    listen: { ...LISTEN, tls: files, ...listen },
    upstreams: { api: { targets: [upstream.url] } },
    routes: [{ path: '/open', public: true, upstream: 'api' }],
  });
  return { gateway, upstream, files };
}

function open({ url }: Pick<RunningGateway, 'url'>, options: ConnectionOptions = {}): TLSSocket {
  return connect({ host: '127.0.0.1', port: Number(new URL(url).port), ca: root.cert, ...options });
}

/** What the handshake comes to: the version of TLS, or the code of the error. */
async function handshake(gateway: RunningGateway, options: ConnectionOptions): Promise<string> {
  const socket = open(gateway, options);
  try {
    await once(socket, 'secureConnect');
    return socket.getProtocol() ?? '';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? '';
  } finally {
    socket.destroy();
  }
}

async function servedSerial(gateway: RunningGateway): Promise<string> {
  const socket = open(gateway);
  await once(socket, 'secureConnect');
  const { serialNumber } = socket.getPeerCertificate();
  socket.destroy();
  return serialNumber;
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 100 && !(await condition()); tries += 1) await delay(50);
  assert.ok(await condition());
}

const serves = (gateway: RunningGateway, { x509 }: Identity) =>
  until(async () => (await servedSerial(gateway)) === x509.serialNumber);

test('requests come through over TLS, and upstreams are told of https', async (context) => {
  const { gateway, upstream } = await startSecure(context);
  const answer = await call(`${gateway.url}/open`, { tls: { ca: root.cert, rejectUnauthorized: true } });
  assert.equal(answer.status, 200);
  const { headers } = upstream.seen[0] ?? {};
  assert.equal(headers?.['x-forwarded-proto'], 'https');
  assert.match(String(headers?.forwarded), /;proto=https$/);
});

test('TLS 1.2 and up are spoken, and nothing older', async (context) => {
  const { gateway } = await startSecure(context);
  const only = (version: 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3') =>
    handshake(gateway, { minVersion: version, maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' });
  assert.equal(await only('TLSv1.3'), 'TLSv1.3');
  assert.equal(await only('TLSv1.2'), 'TLSv1.2');
  assert.equal(await only('TLSv1.1'), 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION');
});

test('clients are asked for a certificate only where one is of use', () => {
  const rows: [sentence: string, client: object, tls: object, asked: boolean][] = [
    ['nobody needs one', {}, {}, false],
    ['authorities are named', {}, { client_ca_file: 'clients.pem' }, true],
    ['a client binds its tokens', { bind_tokens: 'certificate' }, {}, true],
    ['a client has a certificate of its own making', { auth: 'self_signed_tls_client_auth' }, {}, true],
  ];
  for (const [sentence, client, tls, asked] of rows) {
    const config = { listen: { tls }, clients: [{ auth: 'none' }, { auth: 'none', ...client }] } as unknown as Config;
    assert.equal(tlsOptions(config, {})?.requestCert, asked, sentence);
  }
});

test('the limits hold over TLS: a slow handshake, slow headers, too many of them', async (context) => {
  const { gateway } = await startSecure(context, { header_timeout: '500ms', max_header_size: '2kb' });
  const silent = connectClear(Number(new URL(gateway.url).port), '127.0.0.1');
  const clear = connectClear(Number(new URL(gateway.url).port), '127.0.0.1', () =>
    clear.write('GET /open HTTP/1.1\r\n\r\n'),
  );
  const slow = open(gateway, {}).setEncoding('utf8');
  const large = open(gateway, {}).setEncoding('utf8');
  slow.write('GET /open HTTP/1.1\r\n');
  large.write(`GET /open HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(3000)}\r\n\r\n`);
  const [first] = await once(slow, 'data');
  assert.match(first, /^HTTP\/1\.1 408 /);
  const [second] = await once(large, 'data');
  assert.match(second, /^HTTP\/1\.1 431 /);
  silent.resume();
  clear.on('error', () => {}).resume();
  await Promise.all([silent, clear].map((socket) => socket.closed || once(socket, 'close')));
});

test('a WebSocket opens over TLS and carries messages', async (context) => {
  const echo = createServer().listen(0, '127.0.0.1');
  await once(echo, 'listening');
  new WebSocketServer({ server: echo }).on('connection', (socket, request) => {
    socket.on('message', (message) => socket.send(`${request.headers['x-forwarded-proto']} ${message}`));
  });
  context.after(() => {
    echo.close();
    echo.closeAllConnections();
  });
  const gateway = await startGateway(context, {
    listen: { ...LISTEN, tls: tlsFiles(context, server) },
    upstreams: { api: { targets: [`http://127.0.0.1:${(echo.address() as AddressInfo).port}`] } },
    routes: [{ path: '/chat', public: true, upstream: 'api', websocket: true }],
  });
  const socket = new WebSocket(`${gateway.url.replace('https', 'wss')}/chat`, { ca: root.cert });
  await once(socket, 'open');
  socket.send('hello');
  const [message] = await once(socket, 'message');
  assert.equal(String(message), 'https hello');
  socket.close();
});

test('draining answers what was asked over TLS, and waits for no handshake', async (context) => {
  const upstream = await startUpstream(context, async (_, response) => {
    await delay(400);
    response.end('{"late":true}');
  });
  const gateway = await startGateway(context, {
    listen: { ...LISTEN, shutdown_grace: '20s', tls: tlsFiles(context, server) },
    upstreams: { api: { targets: [upstream.url] } },
    routes: [{ path: '/slow', public: true, upstream: 'api' }],
  });
  const silent = connectClear(Number(new URL(gateway.url).port), '127.0.0.1');
  const asked = call(`${gateway.url}/slow`);
  await delay(100);
  const startedAt = performance.now();
  await gateway.stop();
  assert.deepEqual((await asked).body, { late: true });
  assert.ok(performance.now() - startedAt < 3000);
  silent.destroy();
});

test('changed files are served to new connections, while open ones go on', async (context) => {
  const { gateway, files } = await startSecure(context);
  const before = open(gateway).setEncoding('utf8');
  await once(before, 'secureConnect');
  const renewed = makeAuthority().server;
  writeFileSync(`${files.certificate_file}.new`, renewed.cert);
  renameSync(`${files.certificate_file}.new`, files.certificate_file);
  await until(() => gateway.records.some(({ msg }) => msg === 'configuration not reloaded'));
  assert.equal(await servedSerial(gateway).catch(String), server.x509.serialNumber, 'half a pair is not used');
  writeFileSync(files.private_key_file, renewed.key);
  await until(() => gateway.records.some(({ msg }) => msg === 'configuration reloaded'));
  const socket = open(gateway, { rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  assert.equal(socket.getPeerCertificate().serialNumber, renewed.x509.serialNumber);
  socket.destroy();
  const old = { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
  assert.equal(
    await handshake(gateway, old),
    'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION',
    'and no older version is spoken since',
  );
  before.write('GET /open HTTP/1.1\r\nHost: x\r\n\r\n');
  const [answer] = await once(before, 'data');
  assert.match(answer, /^HTTP\/1\.1 200 /);
  before.destroy();
});

test('a folder behind a symbolic link may be swapped, as Kubernetes does it', async (context) => {
  const folder = dirname(tlsFiles(context, server).certificate_file);
  const mount = (version: string, { cert, key }: Identity) => {
    mkdirSync(join(folder, version));
    writeFileSync(join(folder, version, 'tls.crt'), cert);
    writeFileSync(join(folder, version, 'tls.key'), key);
    symlinkSync(version, join(folder, 'data.new'));
    renameSync(join(folder, 'data.new'), join(folder, 'data'));
  };
  mount('v1', server);
  const gateway = await startGateway(context, {
    listen: {
      ...LISTEN,
      tls: { certificate_file: join(folder, 'data/tls.crt'), private_key_file: join(folder, 'data/tls.key') },
    },
  });
  await serves(gateway, server);
  const renewed = issue({ subject: server.subject, alternatives: [[0x87, Buffer.of(127, 0, 0, 1)]] });
  mount('v2', renewed);
  rmSync(join(folder, 'v1'), { recursive: true });
  await serves(gateway, renewed);
});

test('files that cannot be used keep a gateway from starting, and are named', async (context) => {
  const files = tlsFiles(context, server, root.cert);
  const folder = dirname(files.certificate_file);
  const write = (name: string, content: string) => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  const other = makeAuthority().server;
  const expired = issue({ subject: server.subject, validDays: [-2, -1] });
  const rows: [sentence: string, tls: object, named: string][] = [
    ['no certificate file', { certificate_file: 'none.pem' }, 'none.pem'],
    ['no key file', { private_key_file: 'none.key' }, 'none.key'],
    ['a key without its certificate', { private_key_file: write('other.key', other.key) }, 'other.key'],
    ['a key instead of a certificate', { certificate_file: files.private_key_file }, 'server.key'],
    ['a certificate instead of a key', { private_key_file: files.certificate_file }, 'server.pem'],
    [
      'an expired certificate',
      { certificate_file: write('expired.pem', expired.cert), private_key_file: write('expired.key', expired.key) },
      'expired.pem',
    ],
    ['authorities that are none', { client_ca_file: write('empty.pem', '\n') }, 'empty.pem'],
    [
      'a broken certificate',
      { certificate_file: write('broken.pem', server.cert.replace('MII', 'MIJ')) },
      'broken.pem',
    ],
  ];
  for (const [sentence, tls, named] of rows) {
    await assert.rejects(
      startGateway(context, { listen: { ...LISTEN, tls: { ...files, ...tls } } }),
      (error: Error) => error.message.split(': ')[0]?.endsWith(named) ?? false,
      sentence,
    );
  }
});
