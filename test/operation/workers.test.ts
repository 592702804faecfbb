import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { postern } from '../support/cli.ts';
import {
  BASIC,
  configurationOf,
  login,
  postForm,
  redisStore,
  replaceFile,
  requestToken,
  type Settings,
  startUpstream,
  writeConfiguration,
} from '../support/gateway.ts';
import { isThere, type ServedGateway, serve } from '../support/serve.ts';
import { threadPriorities } from '../support/thread-priorities.ts';
import { until } from '../support/until.ts';

/** Two workers, and the process that looks after them. */
const WORKERS = [1, 2];
const LISTEN = { address: '127.0.0.1:0', workers: 2, shutdown_grace: '25s' };

interface Answered {
  readonly status: number;
  readonly worker: number;
  readonly id: string;
}

function recordsOf({ lines }: ServedGateway): Record<string, unknown>[] {
  return lines.map((line) => JSON.parse(line));
}

/** On a connection of its own. */
async function ask(gateway: ServedGateway, path: string, token = ''): Promise<Answered> {
  const id = randomUUID();
  const headers = { Authorization: `Bearer ${token}`, 'X-Request-Id': id, Connection: 'close' };
  const response = await fetch(gateway.url + path, { headers });
  await response.arrayBuffer();
  const record = await until('its log line', () => gateway.lines.findLast((line) => line.includes(id)));
  return { status: response.status, worker: JSON.parse(record).worker, id };
}

/** What each worker answers, by its number: a connection goes to one that has nothing else to take just then. */
async function askBoth(gateway: ServedGateway, path: string, token = ''): Promise<readonly Answered[]> {
  const answers = new Map<number, Answered>();
  await until('both have answered', async () => {
    const answer = await ask(gateway, path, token);
    answers.set(answer.worker, answer);
    return answers.size === WORKERS.length;
  });
  return WORKERS.flatMap((worker) => answers.get(worker) ?? []);
}

const statuses = (answers: readonly Answered[]) => answers.map(({ status }) => status);

async function count(gateway: ServedGateway, metric: string): Promise<number> {
  const metrics = await (await fetch(`${gateway.adminUrl}/metrics`)).text();
  const [, value = Number.NaN] =
    metrics
      .split('\n')
      .find((line) => line.startsWith(metric))
      ?.split(/ (?=\S+$)/) ?? [];
  return Number(value);
}

/** The process of a worker, as the log has it. */
function pidOf(gateway: ServedGateway, worker: number): number {
  const started = recordsOf(gateway).findLast((record) => record.msg === 'worker started' && record.worker === worker);
  return Number(started?.pid);
}

const upstream = await startUpstream({ after });
const settings = {
  listen: LISTEN,
  store: redisStore(),
  upstreams: { api: { targets: [upstream.url] } },
  routes: [
    { path: '/read', scopes: ['read'], upstream: 'api' },
    { path: '/reported/**', mode: 'report', upstream: 'api' },
  ],
};
const gateway = await serve({ after }, settings);

describe('two workers', () => {
  const readiness = async () => (await fetch(`${gateway.adminUrl}/readyz`)).text();
  const rewrite = (changed: Settings) =>
    replaceFile(gateway.directory, 'gateway.yaml', configurationOf({ ...settings, ...changed }));
  const logged = (message: string) => recordsOf(gateway).filter(({ msg }) => msg === message).length;

  test('both take requests, and it is said once that they do', async () => {
    assert.equal(await readiness(), 'ready\n');
    const { access_token } = (await login(gateway)).body;
    assert.deepEqual(statuses(await askBoth(gateway, '/read', access_token)), [200, 200]);
    assert.equal(logged('listening'), 1);
  });

  test('the event loop of each goes before its other threads', () => {
    for (const worker of WORKERS) {
      const { eventLoopIsFirst, later } = threadPriorities(pidOf(gateway, worker));
      assert.ok(eventLoopIsFirst && later > 0);
    }
  });

  test('a token that one revokes, the other refuses within a second', async () => {
    const { access_token = '' } = (await login(gateway)).body;
    assert.deepEqual(statuses(await askBoth(gateway, '/read', access_token)), [200, 200]);
    await postForm(gateway, '/revoke', { token: access_token });
    await delay(1000);
    assert.deepEqual(statuses(await askBoth(gateway, '/read', access_token)), [401, 401]);
  });

  test('failures at either count for both', async () => {
    const fail = async () => {
      const form = { grant_type: 'password', username: 'bob', password: 'wrong' };
      return (await requestToken(gateway, form, { Authorization: BASIC, Connection: 'close' })).status;
    };
    const answers: number[] = [];
    for (let failure = 0; failure < 7; failure += 1) answers.push(await fail());
    assert.deepEqual(answers, [400, 400, 400, 400, 400, 429, 429]);
    const logins = recordsOf(gateway).filter(({ msg, username }) => msg === 'login' && username === 'bob');
    assert.deepEqual([...new Set(logins.map(({ worker }) => worker))].sort(), WORKERS);
  });

  test('metrics are those of both, and those of one that is gone stay', async () => {
    const metric = 'postern_requests_total{route="/read",method="GET",status="401"}';
    const before = await count(gateway, metric);
    for (let request = 0; request < 10; request += 1) await ask(gateway, '/read');
    assert.equal(await count(gateway, metric), before + 10);
    const pid = pidOf(gateway, 2);
    process.kill(pid, 'SIGKILL');
    await until('another one takes its place', () => pidOf(gateway, 2) !== pid);
    await ask(gateway, '/read');
    assert.equal(await count(gateway, metric), before + 11);
    assert.equal(await count(gateway, 'postern_workers '), 2);
    assert.equal(await count(gateway, 'postern_workers_replaced_total'), 1);
    assert.equal(await count(gateway, 'postern_store_up'), 1);
    assert.equal(await count(gateway, 'postern_config_last_reload_success '), 1);
  });

  test('while one is gone the other takes all requests, and the gateway stays ready', async () => {
    const pid = pidOf(gateway, 1);
    process.kill(pid, 'SIGKILL');
    await until('it is missed', async () => (await readiness()) === 'ready\n1 of 2 workers take requests\n');
    while (pidOf(gateway, 1) === pid) assert.equal((await ask(gateway, '/read')).status, 401);
    assert.equal(await readiness(), 'ready\n');
    await askBoth(gateway, '/read');
  });

  test('a refusal of either is explained, and sessions are listed and ended', async () => {
    const origin = gateway.adminUrl;
    for (const { id } of await askBoth(gateway, '/nowhere')) {
      const explained = (await (await fetch(`${origin}/explain?request=${id}`)).json()) as { request_id: string };
      assert.equal(explained.request_id, id);
    }
    assert.equal((await fetch(`${origin}/explain?request=other`)).status, 404);
    const question = JSON.stringify({ method: 'GET', url: '/read' });
    assert.equal((await fetch(`${origin}/explain`, { method: 'POST', body: question })).status, 200);
    assert.equal((await fetch(`${origin}/explain`, { method: 'POST', body: 'x' })).status, 400);
    await login(gateway);
    const ended = await fetch(`${origin}/sessions?user=ann`, { method: 'DELETE' });
    assert.ok(((await ended.json()) as { revoked: number }).revoked > 0);
    assert.deepEqual(await (await fetch(`${origin}/sessions?user=ann`)).json(), { sessions: [] });
  });

  test('log lines of both are whole, however long they are', async () => {
    const { access_token = '' } = (await login(gateway)).body;
    const path = `/reported/${'x'.repeat(6000)}`;
    const headers = { Authorization: `Bearer ${access_token}`, Connection: 'close' };
    const isReported = ({ route }: Record<string, unknown>) => route === '/reported/**';
    await Promise.all(Array.from({ length: 200 }, () => fetch(gateway.url + path, { headers })));
    const reported = await until('all are logged', () => {
      const found = recordsOf(gateway).filter(isReported);
      return found.length === 200 ? found : undefined;
    });
    assert.deepEqual(new Set(reported.map((record) => record.path)), new Set([path]));
    assert.deepEqual([...new Set(reported.map(({ worker }) => worker))].sort(), WORKERS);
  });

  test('SIGHUP reloads both, and a bad file changes nothing at either, nor at one that is started then', async () => {
    const moved = [{ path: '/moved', public: true, upstream: 'api' }, ...settings.routes];
    rewrite({ routes: moved });
    gateway.process.kill('SIGHUP');
    await until('it is reloaded', () => logged('configuration reloaded') === 1);
    assert.deepEqual(statuses(await askBoth(gateway, '/moved')), [200, 200]);

    rewrite({ listen: { ...LISTEN, workers: 3 } });
    gateway.process.kill('SIGHUP');
    await until('it is refused', () => logged('configuration not reloaded') === 1);
    assert.match(
      await readiness(),
      /^ready\nthe configuration was not reloaded:\n\S+: `listen\.workers` cannot change/,
    );
    assert.equal(await count(gateway, 'postern_config_last_reload_success '), 0);
    const pid = pidOf(gateway, 2);
    process.kill(pid, 'SIGKILL');
    await until('another one takes its place', () => pidOf(gateway, 2) !== pid);
    assert.deepEqual(statuses(await askBoth(gateway, '/moved')), [200, 200]);

    replaceFile(gateway.directory, 'users.yaml', 'ann: { password_hash: x }');
    rewrite({});
    gateway.process.kill('SIGHUP');
    await until('what a worker cannot open is told', async () => /users\.yaml:1:/.test(await readiness()));
    assert.deepEqual(statuses(await askBoth(gateway, '/moved')), [200, 200]);
  });

  test('port taken: the exit code is 1; users that cannot be read: 2', async () => {
    const serveWith = (changed: Settings) =>
      postern(['serve', join(writeConfiguration({ ...settings, ...changed }), 'gateway.yaml')]);
    const address = new URL(gateway.url).host;
    const [taken, unreadable] = await Promise.all([
      serveWith({ listen: { ...LISTEN, address } }),
      serveWith({ users: { staff: { type: 'file', path: 'gone.yaml' } } }),
    ]);
    assert.deepEqual([taken.code, unreadable.code], [1, 2]);
    assert.match(taken.stderr, /listen\.address/);
    assert.match(unreadable.stderr, /gone\.yaml/);
  });
});

test('workers end with the process that has started them', async (context) => {
  const other = await serve(context, { listen: LISTEN, store: redisStore() });
  const pids = WORKERS.map((worker) => pidOf(other, worker));
  other.process.kill('SIGKILL');
  await until('they are gone', () => !pids.some(isThere));
});
