import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { CLI, postern } from '../support/cli.ts';
import { login, PASSWORD, redisStore, SECRET, startUpstream, writeConfiguration } from '../support/gateway.ts';
import { serve } from '../support/serve.ts';
import { threadPriorities } from '../support/thread-priorities.ts';

/** https://nodejs.org/api/cli.html#--v8-pool-sizenum */
const V8_THREADS = 4;

describe('SIGTERM', () => {
  test('exits within shutdown_grace even if a request would take longer', async (context) => {
    const upstream = await startUpstream(context, (_, response) => void response.writeHead(200).write('endless'));
    const gateway = await serve(context, {
      listen: { shutdown_grace: '1s' },
      upstreams: { api: { targets: [upstream.url] } },
      routes: [{ path: '/endless', public: true, upstream: 'api' }],
    });
    const request = fetch(`${gateway.url}/endless`).then((answer) => answer.text());
    request.catch(() => {});
    await delay(200);
    const startedAt = performance.now();
    gateway.process.kill('SIGTERM');
    assert.deepEqual(await once(gateway.process, 'exit'), [0, null]);
    assert.ok(performance.now() - startedAt < 2500);
    await assert.rejects(request);
  });

  test('ends the process at once when it is sent again, and no log line is lost', async (context) => {
    const upstream = await startUpstream(context, (_, response) => void response.writeHead(200).write('endless'));
    const gateway = await serve(context, {
      upstreams: { api: { targets: [upstream.url] } },
      routes: [{ path: '/endless', public: true, upstream: 'api' }],
    });
    await fetch(`${gateway.url}/endless`);
    gateway.process.kill('SIGTERM');
    gateway.process.kill('SIGINT');
    assert.deepEqual(await once(gateway.process, 'close'), [1, null]);
    assert.equal(JSON.parse(gateway.lines.at(-1) ?? '').msg, 'draining');
  });
});

test('the event loop goes before the threads that compile and collect garbage, and those that hash go last', async (context) => {
  const gateway = await serve(context, {});
  const pid = gateway.process.pid ?? 0;
  const { eventLoopIsFirst, later, last } = threadPriorities(pid);
  assert.ok(eventLoopIsFirst);
  assert.ok(later >= V8_THREADS);
  assert.equal(last, 0);
  await login(gateway, { password: 'wrong' });
  assert.ok(threadPriorities(pid).last > 0);
});

test('a log line is JSON, names its request, and holds no secret', async (context) => {
  const upstream = await startUpstream(context);
  const gateway = await serve(context, {
    upstreams: { api: { targets: [upstream.url] } },
    routes: [{ path: '/read', scopes: ['read'], upstream: 'api' }],
  });
  const { body } = await login(gateway);
  await login(gateway, { password: 'hunter2' });
  await fetch(`${gateway.url}/read?secret=hunter3`, {
    headers: { Authorization: `Bearer ${body.access_token}`, 'X-Request-Id': 'r-1' },
  });
  await delay(200);
  const records = gateway.lines.map((line) => JSON.parse(line));
  const request = records.find(({ request_id }) => request_id === 'r-1');
  const { time, duration_ms, ...rest } = request;
  assert.ok(duration_ms > 0 && !Number.isNaN(Date.parse(time)));
  assert.deepEqual(rest, {
    level: 'info',
    request_id: 'r-1',
    address: '127.0.0.1',
    method: 'GET',
    route: '/read',
    status: 200,
    client: 'web',
    subject: 'u-1',
    outcome: 'complete',
    msg: 'request',
  });
  const logins = records.filter(({ msg }) => msg === 'login').map(({ outcome, username }) => `${username} ${outcome}`);
  assert.deepEqual(logins, ['ann accepted', 'ann rejected']);
  const all = gateway.lines.join('\n');
  const secrets = [PASSWORD, SECRET, 'hunter2', 'hunter3', body.access_token, body.refresh_token, body.id_token];
  for (const secret of secrets) assert.ok(secret && !all.includes(secret), 'a secret is in the log');
});

test('metrics count requests by route and logins by outcome', async (context) => {
  const gateway = await serve(context, {});
  await login(gateway);
  await fetch(`${gateway.url}/nowhere/${'x'.repeat(20)}`);
  const metrics = await (await fetch(`${gateway.adminUrl}/metrics`)).text();
  assert.match(metrics, /^postern_requests_total\{route="\/token",method="POST",status="200"\} 1$/m);
  assert.match(metrics, /^postern_requests_total\{route="none",method="GET",status="404"\} 1$/m);
  assert.match(metrics, /^postern_logins_total\{client="web",outcome="accepted"\} 1$/m);
  assert.match(metrics, /^postern_tokens_issued_total\{client="web",grant="password"\} 1$/m);
  assert.match(metrics, /^postern_store_up 1$/m);
});

describe('the exit code', () => {
  const sound = {
    upstreams: { api: { targets: ['http://127.0.0.1:1'] } },
    routes: [{ path: '/a', scopes: ['read', 'write'], upstream: 'api' }],
  };
  const directory = writeConfiguration(sound);
  const good = join(directory, 'gateway.yaml');
  const bad = join(directory, 'bad.yaml');
  writeFileSync(bad, 'listen: { adress: x }\n');
  const claims = { sub: { value: '{user.username}' } };
  const tokens = { issuer: 'https://a.example', audience: 'api', claims };
  const doubtful = join(writeConfiguration({ ...sound, tokens }), 'gateway.yaml');
  const noUsers = join(
    writeConfiguration({ ...sound, users: { staff: { type: 'file', path: 'gone.yaml' } } }),
    'gateway.yaml',
  );
  const unreachable = join(writeConfiguration({ admin: { address: '127.0.0.1:1' } }), 'gateway.yaml');
  const rows: [sentence: string, args: string[], code: number, stdout: RegExp, stderr: RegExp][] = [
    ['0 for a sound configuration', ['check', good], 0, /no problems/, /^$/],
    [
      '0 for one with a warning, told on stderr',
      ['check', doubtful],
      0,
      /no errors/,
      /^\S+gateway\.yaml:\d+:\d+: warning: .+ \[sub-not-a-string\]\n$/,
    ],
    ['2 for a bad one, with its problems on stderr', ['check', bad], 2, /^$/, /bad\.yaml:1:11: .*address/],
    ['2 for a bad one that is served', ['serve', bad], 2, /^$/, /bad\.yaml:1:11: /],
    ['2 for users that cannot be read', ['check', noUsers], 2, /^$/, /gateway\.yaml:\d+:\d+: cannot read it/],
    ['2 for users that cannot be read when they are served', ['serve', noUsers], 2, /^$/, /gone\.yaml/],
    ['2 for a file that does not exist', ['check', '/nonexistent.yaml'], 2, /^$/, /nonexistent/],
    ['0 for the version', ['--version'], 0, /^\d+\.\d+\.\d+\n$/, /^$/],
    ['2 for an unknown command', ['fly'], 2, /^$/, /fly/],
    ['2 for a method that clients cannot be made for', ['client', 'new', '--auth', 'x'], 2, /^$/, /private_key_jwt/],
    [
      '2 for one bad file among good ones',
      ['check', good, bad],
      2,
      /^\S+gateway.yaml: no problems\n$/,
      /bad\.yaml:1:11: /,
    ],
    ['0 for a request that can be explained', ['explain', 'GET', '/a', good], 0, /401 unauthorized/, /^$/],
    ['2 for one that cannot', ['explain', 'FLY', '/a', good], 2, /^$/, /FLY/],
    ['2 for claims that are none', ['explain', 'GET', '/a', good, '--claims', '[]'], 2, /^$/, /--claims/],
    ['2 for a header that is two', ['explain', 'GET', '/a', good, '--header', 'A: 1\nB: 2'], 2, /^$/, /header/],
    [
      '2 for a log that cannot be read',
      ['learn', '/nonexistent.log', '--upstream', 'api'],
      2,
      /^$/,
      /^\/nonexistent\.log: cannot read it: it does not exist\n$/,
    ],
    ['2 for an unknown option', ['check', '--fly', good], 2, /^$/, /--fly/],
    [
      '1 when no gateway is there to ask',
      ['sessions', 'list', '--user', 'ann', unreachable],
      1,
      /^$/,
      /127\.0\.0\.1:1/,
    ],
    ['2 for sessions of nobody', ['sessions', 'revoke', good], 2, /^$/, /--user/],
    ['0 for help', ['--help'], 0, /serve/, /^$/],
  ];
  for (const [sentence, args, code, stdout, stderr] of rows) {
    test(`is ${sentence}`, async () => {
      const result = await postern(args);
      assert.equal(result.code, code, result.stderr);
      assert.match(result.stdout, stdout);
      assert.match(result.stderr, stderr);
    });
  }

  test('is 0 when the reader of its output has read enough', async () => {
    const child = spawn(process.execPath, [CLI, 'schema']);
    child.stdout.once('data', () => child.stdout.destroy());
    const [[code], stderr] = await Promise.all([once(child, 'close'), text(child.stderr)]);
    assert.deepEqual([code, stderr], [0, '']);
  });

  test('is 1 when a port is taken, with the key that has it', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const address = `127.0.0.1:${(other.address() as AddressInfo).port}`;
    const taken = { listen: { listen: { address }, store: redisStore() }, admin: { admin: { address } } };
    const serving = Object.values(taken).map((settings) =>
      postern(['serve', join(writeConfiguration(settings), 'gateway.yaml')]),
    );
    const [listen, admin] = await Promise.all(serving);
    other.close();
    assert.deepEqual([listen?.code, admin?.code], [1, 1]);
    assert.match(listen?.stderr ?? '', new RegExp(`^listen\\.address: ${address} is in use already$`, 'm'));
    assert.match(admin?.stderr ?? '', new RegExp(`^admin\\.address: ${address} is in use already$`, 'm'));
  });
});

test('postern hash makes a hash that logs in', async (context) => {
  const { code, stdout } = await postern(['hash'], 'a new password\n');
  assert.equal(code, 0);
  assert.match(stdout, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$\S+\n$/);
  const directory = writeConfiguration();
  writeFileSync(join(directory, 'users.txt'), `zoe:${stdout}`);
  const gateway = await serve(context, { users: { staff: { type: 'file', path: join(directory, 'users.txt') } } });
  assert.equal((await login(gateway, { username: 'zoe', password: 'a new password' })).status, 200);
});

test('postern sessions lists and revokes what a gateway with the embedded store has', async (context) => {
  const gateway = await serve(context, {});
  const { host: address } = new URL(gateway.adminUrl);
  const file = join(writeConfiguration({ admin: { address } }), 'gateway.yaml');
  await login(gateway);
  await login(gateway);
  await login(gateway, { username: 'bob' });
  const run = async (...args: string[]) => {
    const { code, stdout, stderr } = await postern(['sessions', ...args, file]);
    assert.equal(code, 0, stderr);
    return stdout;
  };
  const table = (await run('list', '--user', 'ann')).split('\n');
  assert.match(table[0] ?? '', /^ID +USER +STORE +CLIENT +ADDRESS +LOGGED IN +LAST USED +EXPIRES +SCOPE$/);
  assert.match(
    table[1] ?? '',
    /^[\w-]{22} {2}ann {3}staff {2}web {5}127\.0\.0\.1 {2}\d{4}-\d\d-\d\d \d\d:\d\d {2}.* {2}read write$/,
  );
  const { sessions } = JSON.parse(await run('list', '--user', 'ann', '--format', 'json'));
  assert.equal(sessions.length, 2);
  assert.match(await run('revoke', '--user', 'ann', '--client', 'app'), /^0 /);
  assert.match(await run('revoke', '--user', 'ann'), /^2 /);
  assert.deepEqual(JSON.parse(await run('revoke', '--user', 'bob', '--format', 'json')), { revoked: 1 });
  assert.equal((await run('list', '--user', 'ann')).split('\n').length, 2, 'only the head is left');
});
