import assert from 'node:assert/strict';
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { stringify } from 'yaml';
import { configurationOf, login, replaceFile, type Settings } from '../support/gateway.ts';
import { type ServedGateway, serve } from '../support/serve.ts';
import { paint, startLoad, startTwoColours } from './two-colours.ts';

test('thirty reloads under load lose no request, and no request meets parts of two configurations', async (context) => {
  const colours = await startTwoColours(context);
  const load = startLoad(colours, 4, 5);
  for (let reload = 0; reload < 30; reload += 1) {
    const colour = reload % 2 === 0 ? 'blue' : 'red';
    await colours.turn(colour);
    assert.equal(await paint(colours, colour), colour, 'the next request meets the new one');
  }
  await load.stop();
  assert.ok(load.painted > 30);
});

interface Told {
  readonly readiness: string;
  readonly success: string | undefined;
  readonly successAt: number;
}

async function told({ adminUrl }: ServedGateway): Promise<Told> {
  const readiness = await fetch(`${adminUrl}/readyz`);
  assert.equal(readiness.status, 200, 'the one in use serves on');
  const metrics = await (await fetch(`${adminUrl}/metrics`)).text();
  const value = (name: string) => new RegExp(`^${name} (\\S+)$`, 'm').exec(metrics)?.[1];
  return {
    readiness: await readiness.text(),
    success: value('postern_config_last_reload_success'),
    successAt: Number(value('postern_config_last_reload_success_timestamp_seconds')),
  };
}

/** Waits until a record with this message is logged after what `act` does. */
async function untilLogged({ lines }: ServedGateway, message: string, act: () => unknown): Promise<void> {
  const before = lines.length;
  act();
  const deadline = Date.now() + 20_000;
  while (!lines.slice(before).some((line) => JSON.parse(line).msg === message)) {
    assert.ok(Date.now() < deadline, `${message}: ${lines.slice(before).join('\n')}`);
    await delay(20);
  }
}

const RELOADED = 'configuration reloaded';
const REFUSED = 'configuration not reloaded';

test('changes of gateway.yaml and of what it names are followed; bad ones are told and change nothing', async (context) => {
  const gateway = await serve(context, {});
  const { directory } = gateway;
  const write = (settings: Settings) => replaceFile(directory, 'gateway.yaml', configurationOf(settings));
  const started = await told(gateway);
  assert.deepEqual([started.readiness, started.success], ['ready\n', '1']);
  assert.ok(Math.abs(started.successAt - Date.now() / 1000) < 60);

  const WITH_SECRET: Settings = { admin: { address: '127.0.0.1:0', token: `\${file:token}` } };
  await untilLogged(gateway, REFUSED, () => write(WITH_SECRET));
  const refused = await told(gateway);
  assert.match(refused.readiness, /^ready\n.*\n.*gateway\.yaml:\d+:\d+: cannot read token: it does not exist\n$/);
  assert.deepEqual([refused.success, refused.successAt], ['0', started.successAt]);

  // The file that only the refused configuration names.
  await untilLogged(gateway, RELOADED, () => writeFileSync(join(directory, 'token'), 's3cret', { mode: 0o600 }));
  assert.equal((await fetch(`${gateway.adminUrl}/metrics`)).status, 401);
  await untilLogged(gateway, RELOADED, () => writeFileSync(join(directory, 'token'), 'changed', { mode: 0o600 }));
  const admin = { headers: { Authorization: 'Bearer changed' } };
  assert.equal((await fetch(`${gateway.adminUrl}/metrics`, admin)).status, 200);
  assert.equal(await (await fetch(`${gateway.adminUrl}/readyz`)).text(), 'ready\n');

  await untilLogged(gateway, REFUSED, () => replaceFile(directory, 'users.yaml', 'ann: { password_hash: x }'));
  assert.match(await (await fetch(`${gateway.adminUrl}/readyz`)).text(), /users\.yaml:1:/);
  assert.equal((await login(gateway)).status, 200, 'who was known still is');
  await untilLogged(gateway, RELOADED, () => replaceFile(directory, 'users.yaml', stringify({})));
  assert.equal((await login(gateway)).status, 400);
});

test('what cannot change while a gateway runs is named with its line, and nothing of that file is used', async (context) => {
  const gateway = await serve(context, {});
  const settings = (changed: Settings) =>
    configurationOf({ users: { moved: { type: 'file', path: 'moved' } }, ...changed });
  const ROWS: readonly [changed: Settings, key: RegExp][] = [
    [{ listen: { address: '127.0.0.1:1' } }, /\d+:\d+: `listen\.address` /],
    [{ listen: { address: '127.0.0.1:0', tls: { certificate_file: 'c', private_key_file: 'k' } } }, /`listen\.tls` /],
    [{ admin: { address: '127.0.0.1:1' } }, /`admin\.address` /],
    [{ store: { redis: 'redis://127.0.0.1:1' } }, /`store\.redis` /],
    [{ store: { key_prefix: 'other' } }, /`store\.key_prefix` /],
    [{ store: { timeout: '1s' } }, /`store\.timeout` /],
    [{ log: { format: 'pretty' } }, /`log\.format` /],
  ];
  for (const [changed, key] of ROWS) {
    await untilLogged(gateway, REFUSED, () => {
      replaceFile(gateway.directory, 'gateway.yaml', settings(changed));
      gateway.process.kill('SIGHUP');
    });
    assert.match((await told(gateway)).readiness, key);
    assert.equal((await login(gateway)).status, 200);
  }
});

test('a ConfigMap, whose files are behind links that are swapped at once, is followed', async (context) => {
  const gateway = await serve(context, {});
  const { directory } = gateway;
  const mount = (version: string, settings: Settings) => {
    mkdirSync(join(directory, version));
    writeFileSync(join(directory, version, 'gateway.yaml'), configurationOf(settings));
    symlinkSync(version, join(directory, '..data.new'));
    renameSync(join(directory, '..data.new'), join(directory, '..data'));
  };
  await untilLogged(gateway, RELOADED, () => {
    mount('..v1', { endpoints: { token: '/v1' } });
    symlinkSync('..data/gateway.yaml', join(directory, 'link'));
    renameSync(join(directory, 'link'), join(directory, 'gateway.yaml'));
  });
  await untilLogged(gateway, RELOADED, () => mount('..v2', { endpoints: { token: '/v2' } }));
  const statuses = await Promise.all(['/v1', '/v2'].map((path) => fetch(gateway.url + path)));
  assert.deepEqual(
    statuses.map(({ status }) => status),
    [404, 405],
  );
});
