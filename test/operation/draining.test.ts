import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { redisStore, startUpstream } from '../support/gateway.ts';
import { isThere, type ServedGateway, serve } from '../support/serve.ts';
import { until } from '../support/until.ts';

const SETTINGS = {
  'one process': {},
  'two workers': { listen: { workers: 2, shutdown_grace: '25s' }, store: redisStore() },
};
const AT_ONCE = 20;

/** Begins its answers, and ends them when it is told to. */
async function startHeldUpstream(context: TestContext) {
  let begun = 0;
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const { url } = await startUpstream(context, async (_, response) => {
    response.writeHead(200).write('first ');
    begun += 1;
    await released;
    response.end('last');
  });
  return { url, release, begun: () => begun };
}

/** The process, and its workers. */
function pidsOf({ process: { pid = 0 }, lines }: ServedGateway): readonly number[] {
  const started = lines.map((line) => JSON.parse(line)).filter(({ msg }) => msg === 'worker started');
  return [pid, ...started.map((record) => Number(record.pid))];
}

function isRefused(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname);
    socket.once('connect', () => resolve(false)).once('error', () => resolve(true));
    socket.once('connect', () => socket.destroy());
  });
}

for (const [how, settings] of Object.entries(SETTINGS)) {
  describe(`SIGTERM, sent to ${how}`, () => {
    test('lets every request in flight come to its end, takes no more, then ends with 0', async (context) => {
      const upstream = await startHeldUpstream(context);
      const gateway = await serve(context, {
        ...settings,
        upstreams: { api: { targets: [upstream.url] } },
        routes: [{ path: '/slow', public: true, upstream: 'api' }],
      });
      const requests = Array.from({ length: AT_ONCE }, async () => (await fetch(`${gateway.url}/slow`)).text());
      await until('all are in flight', () => upstream.begun() === AT_ONCE);
      const pids = pidsOf(gateway);
      const exited = once(gateway.process, 'exit');
      // As a terminal does it.
      for (const pid of pids) process.kill(pid, 'SIGTERM');
      await until('new connections are refused', () => isRefused(gateway.url));
      assert.equal((await fetch(`${gateway.adminUrl}/readyz`)).status, 503);
      assert.equal((await fetch(`${gateway.adminUrl}/healthz`)).status, 200);
      upstream.release();
      assert.deepEqual(new Set(await Promise.all(requests)), new Set(['first last']));
      assert.deepEqual(await exited, [0, null]);
      assert.deepEqual(pids.filter(isThere), []);
      assert.equal(gateway.lines.filter((line) => JSON.parse(line).msg === 'stopped').length, 1);
    });

    test('answers those who are connected and have not been heard yet', async (context) => {
      const gateway = await serve(context, settings);
      const pids = pidsOf(gateway);
      const exited = once(gateway.process, 'exit');
      for (const pid of pids) process.kill(pid, 'SIGSTOP');
      const requests = Array.from({ length: AT_ONCE }, async () => (await fetch(`${gateway.url}/nowhere`)).status);
      await delay(200); // Nothing can tell when the system has connected them all.
      for (const signal of ['SIGTERM', 'SIGCONT'] as const) for (const pid of pids) process.kill(pid, signal);
      assert.deepEqual(new Set(await Promise.all(requests)), new Set([404]));
      assert.deepEqual(await exited, [0, null]);
    });
  });
}
