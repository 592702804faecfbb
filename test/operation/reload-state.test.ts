import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, get, type ServerResponse } from 'node:http';
import { test } from 'node:test';
import Koa from 'koa';
import { WebSocket, WebSocketServer } from 'ws';
import {
  configurationOf,
  login,
  postForm,
  type RunningGateway,
  replaceFile,
  requestToken,
  type Settings,
  startGateway,
  startUpstream,
} from '../support/gateway.ts';

/** The gateway goes on with these settings. */
async function reload({ gateway, directory }: RunningGateway, settings: Settings): Promise<void> {
  replaceFile(directory, 'gateway.yaml', configurationOf(settings));
  await gateway.reload();
}

function api(targets: readonly string[], route: object = {}): Settings {
  return {
    upstreams: { api: { targets } },
    routes: [{ path: '/read', scopes: ['read'], upstream: 'api', ...route }],
  };
}

async function read({ url }: RunningGateway, token = ''): Promise<number> {
  return (await fetch(`${url}/read`, { headers: { Authorization: `Bearer ${token}` } })).status;
}

test('sessions, revoked tokens and locks of the embedded store outlive a reload', async (context) => {
  const { url } = await startUpstream(context);
  const gateway = await startGateway(context, api([url]));
  const [kept, ended] = [(await login(gateway)).body, (await login(gateway)).body];
  await postForm(gateway, '/revoke', { token: ended.access_token ?? '' });
  for (let failure = 0; failure < 5; failure += 1) await login(gateway, { username: 'bob', password: 'wrong' });
  // All that rests on these sections is made anew.
  const tokens = { issuer: 'https://gateway.example/auth', audience: 'https://api.example', access_token_ttl: '5m' };
  await reload(gateway, { ...api([url]), tokens, login_limits: { min_failure_time: '1ms' } });
  assert.equal(await read(gateway, kept.access_token), 200);
  assert.equal(await read(gateway, ended.access_token), 401);
  assert.equal((await login(gateway, { username: 'bob' })).status, 429);
  const form = { grant_type: 'refresh_token', refresh_token: kept.refresh_token ?? '' };
  const refreshed = await requestToken(gateway, form);
  assert.deepEqual([refreshed.status, refreshed.body.expires_in], [200, 300]);
});

test('a verdict on a token does not outlive what it rests on', async (context) => {
  const { url } = await startUpstream(context);
  const gateway = await startGateway(context, api([url]));
  const { access_token } = (await login(gateway)).body;
  assert.equal(await read(gateway, access_token), 200);
  const CHANGES: readonly [settings: Settings, status: number][] = [
    [api([url], { scopes: ['write', 'other'] }), 403],
    [api([url], { audience: 'https://other.example' }), 401],
    [{ ...api([url]), tokens: { issuer: 'https://other.example', audience: 'https://api.example' } }, 401],
    [{ ...api([url]), tokens: { issuer: 'https://gateway.example/auth', audience: 'https://other.example' } }, 401],
    [api([url]), 200],
  ];
  for (const [settings, status] of CHANGES) {
    await reload(gateway, settings);
    assert.equal(await read(gateway, access_token), status);
  }
});

test('a request ends as it began, and only then are the connections of its upstream closed', async (context) => {
  const held: ServerResponse[] = [];
  const old = await startUpstream(context, (_, response) => void held.push(response));
  const next = await startUpstream(context);
  const gateway = await startGateway(context, { ...api([old.url]), listen: { shutdown_grace: '0s' } });
  const { access_token } = (await login(gateway)).body;
  const arrived = once(old.server, 'request');
  const asked = read(gateway, access_token);
  await arrived;
  await reload(gateway, api([next.url]));
  assert.equal(await read(gateway, access_token), 200);
  const connections = () => new Promise<number>((resolve) => old.server.getConnections((_, count) => resolve(count)));
  assert.deepEqual([held.length, await connections()], [1, 1]);
  held[0]?.end();
  assert.equal(await asked, 200);
  while ((await connections()) > 0) await new Promise((resolve) => setTimeout(resolve, 10));
});

test('connections to an upstream that did not change are used again', async (context) => {
  const { url, server } = await startUpstream(context);
  const gateway = await startGateway(context, api([url]));
  const { access_token } = (await login(gateway)).body;
  let connections = 0;
  server.on('connection', () => {
    connections += 1;
  });
  for (const path of ['/read', '/write']) {
    await reload(gateway, { ...api([url]), endpoints: { revoke: `/revoke${path}` } });
    assert.equal(await read(gateway, access_token), 200);
  }
  assert.equal(connections, 1);
});

test('a WebSocket stays open over a reload that takes its route away', async (context) => {
  const { url, server } = await startUpstream(context);
  new WebSocketServer({ server }).on('connection', (socket) => socket.on('message', (data) => socket.send(data)));
  const gateway = await startGateway(context, api([url], { websocket: true, public: true, scopes: [] }));
  const socket = new WebSocket(gateway.url.replace('http', 'ws').concat('/read'));
  await once(socket, 'open');
  await reload(gateway, { upstreams: {}, routes: [] });
  socket.send('still here');
  const [message] = await once(socket, 'message');
  assert.equal(String(message), 'still here');
  socket.terminate();
});

test('limits of the listener, proxies that are trusted and the level of the log change while it runs', async (context) => {
  const { url, seen } = await startUpstream(context);
  const gateway = await startGateway(context, api([url], { public: true, scopes: [] }));
  const ask = () =>
    fetch(`${gateway.url}/read`, { headers: { 'X-Forwarded-For': '192.0.2.7', 'X-Big': 'x'.repeat(2000) } });
  assert.equal((await ask()).status, 200);
  const listen = { address: '127.0.0.1:0', trusted_proxies: ['127.0.0.1'] };
  await reload(gateway, { ...api([url], { public: true, scopes: [] }), listen, log: { level: 'error' } });
  const before = gateway.records.length;
  assert.equal((await ask()).status, 200);
  assert.deepEqual(
    seen.map(({ headers }) => headers['x-forwarded-for']),
    ['127.0.0.1', '192.0.2.7, 127.0.0.1'],
  );
  assert.equal(gateway.records.length, before);
  const small = { ...listen, max_header_size: '1kb', keep_alive_timeout: '1s' };
  await reload(gateway, { ...api([url], { public: true, scopes: [] }), listen: small });
  const asked = get(`${gateway.url}/read`, { agent: false, headers: { 'X-Big': 'x'.repeat(2000) } });
  const [refused] = await once(asked, 'response');
  assert.equal(refused.statusCode, 431, 'on new connections');
});

test('reloads that are asked for at once are one after the other, and the last sees what was written last', async (context) => {
  const gateway = await startGateway(context);
  const asked: Promise<void>[] = [];
  for (let version = 0; version < 10; version += 1) {
    replaceFile(gateway.directory, 'gateway.yaml', configurationOf({ endpoints: { token: `/token${version}` } }));
    asked.push(gateway.gateway.reload());
  }
  await Promise.all(asked);
  assert.equal((await fetch(`${gateway.url}/token9`)).status, 405);
  assert.equal(gateway.records.filter(({ msg }) => msg === 'configuration reloaded').length, 2);
});

test('a gateway in another Koa app takes part in reloads', async (context) => {
  const gateway = await startGateway(context);
  const server = createServer(new Koa().use(gateway.gateway.app.middleware[0] ?? assert.fail).callback());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  context.after(() => server.close());
  const address = server.address();
  const status = async (path: string) =>
    (await fetch(`http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}${path}`)).status;
  assert.deepEqual([await status('/token'), await status('/other')], [405, 404]);
  await reload(gateway, { endpoints: { token: '/other' } });
  assert.deepEqual([await status('/token'), await status('/other')], [404, 405]);
});
