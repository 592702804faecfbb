import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import Koa from 'koa';
import { configurationOf, replaceFile, startGateway, startUpstream } from '../support/gateway.ts';

test('the app of a gateway is a part of another Koa app, and reloads there', async (context) => {
  const upstream = await startUpstream(context);
  const upstreams = { api: { targets: [upstream.url] } };
  const route = { path: '/open', public: true, upstream: 'api' };
  const { gateway, directory } = await startGateway(context, { upstreams, routes: [route] });
  const url = await listening(context, around(gateway.app));

  assert.equal(await (await fetch(`${url}/own`)).text(), 'of the application');
  const open = await fetch(`${url}/open`);
  assert.deepEqual([open.status, open.headers.get('x-application')], [200, 'its own']);
  assert.equal((await fetch(`${url}/token`, { method: 'POST' })).status, 400);
  assert.equal((await fetch(`${url}/nothing`)).status, 404);

  replaceFile(directory, 'gateway.yaml', configurationOf({ upstreams, routes: [{ ...route, path: '/nothing' }] }));
  await gateway.reload();
  assert.equal((await fetch(`${url}/nothing`)).status, 200);
});

/** An application with a route and a header of its own, and the gateway for all else. */
function around(gateway: Koa): Koa {
  const application = new Koa();
  application.use(async (ctx, next) => {
    ctx.set('X-Application', 'its own');
    if (ctx.path === '/own') ctx.body = 'of the application';
    else await next();
  });
  for (const middleware of gateway.middleware) application.use(middleware);
  return application;
}

async function listening(context: { after(end: () => unknown): void }, application: Koa): Promise<string> {
  const server = createServer(application.callback()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  context.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
