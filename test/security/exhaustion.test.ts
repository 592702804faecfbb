/**
 * Who cannot get through may still keep others from it, with what costs the attacker next to nothing: headers and bodies that
 * come a byte at a time, answers that are never read, bodies without an end, connections that are only held, floods of what
 * will be refused anyway.
 *
 * The promise: each of them meets a limit, which is answered by its status, or by the end of the connection where nobody
 * listens. Meanwhile others are served, memory stays what it was, and so does the process.
 *
 * `npm run bench:exhaustion` has the large numbers, and what they cost those others in time.
 */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, afterEach, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Settings } from '../support/gateway.ts';
import { serve } from '../support/serve.ts';
import { startBesieged } from './exhaustion/besieged.ts';
import { BEHAVIOURS, type BehaviourName, Siege } from './exhaustion/siege.ts';
import { startTirelessUpstream } from './exhaustion/upstream.ts';

const MOST_CONNECTIONS = { max_connections: 260, max_connections_per_address: 120 };
const LIMITS = { ...MOST_CONNECTIONS, header_timeout: '1s', request_timeout: '1s' };
/** Four threads that check hashes, and a heap that is not tidied up at once, take up to 250 MB (Node 24). What could pile up is gigabytes. */
const MOST_MEMORY_BYTES = 400 * 1024 ** 2;

const start = (settings: Settings) => serve({ after }, settings);
const upstream = await startTirelessUpstream({ after });
const gateway = await startBesieged(start, LIMITS, { api: upstream, endless: upstream });
const before = await gateway.memoryBytes();

afterEach(async () => {
  assert.equal(gateway.process.exitCode, null);
  assert.equal((await fetch(`${gateway.url}/open`)).status, 200);
  const grown = (await gateway.memoryBytes()) - before;
  assert.ok(grown < MOST_MEMORY_BYTES, `memory grew by ${grown} bytes`);
});

describe('a hundred connections at once meet their limit, and others are served meanwhile', () => {
  // Of an endless body, the limit on its time may be met before the one on its size.
  const rows: [name: BehaviourName, statuses: number[]][] = [
    ['slow headers', [408]],
    ['slow bodies', [408]],
    ['slow forms', [408]],
    ['too many headers', [431]],
    ['endless bodies', [408, 413]],
    ['endless forms', [408, 413]],
  ];
  for (const [name, expected] of rows) {
    test(name, { timeout: 20_000 }, async () => {
      const siege = new Siege(gateway.url, { ...BEHAVIOURS[name], connections: 100 });
      while (siege.open > 0) {
        assert.equal((await fetch(`${gateway.url}/open`)).status, 200);
        await delay(50);
      }
      assert.equal(answersTo(siege), 100);
      for (const status of seenBy(siege)) assert.ok(expected.includes(status), `${status} was answered`);
    });
  }
});

test('who reads nothing is left after idle_timeout', { timeout: 20_000 }, async () => {
  const siege = new Siege(gateway.url, { ...BEHAVIOURS['readers of nothing'], connections: 100 });
  // The deaf cannot tell that nobody speaks to them any more; the log can.
  const left = () => gateway.lines.filter((line) => /"\/endless".*"client_gone"/.test(line)).length;
  while (left() < 100) {
    assert.equal((await fetch(`${gateway.url}/open`)).status, 200);
    await delay(50);
  }
  siege.stop();
});

describe('a flood is refused, one by one', () => {
  const rows: [name: BehaviourName, statuses: number[]][] = [
    ['wrong logins', [400, 429]],
    ['bad tokens', [401]],
    ['unknown paths', [404]],
  ];
  for (const [name, expected] of rows) {
    test(name, { timeout: 20_000 }, async () => {
      const siege = new Siege(gateway.url, { ...BEHAVIOURS[name], connections: 20 });
      while (seenBy(siege).length < expected.length) await delay(20);
      assert.equal((await fetch(`${gateway.url}/open`)).status, 200);
      siege.stop();
      assert.deepEqual(seenBy(siege), expected);
    });
  }
});

test('who goes on sending what was refused is not read any more', async (context) => {
  const { hostname, port } = new URL(gateway.url);
  const socket = connect(Number(port), hostname).on('error', () => {});
  context.after(() => socket.destroy());
  let [taken, answer] = [0, ''];
  socket.setEncoding('latin1').on('data', (text) => {
    answer += text;
  });
  const chunk = Buffer.alloc(64 * 1024);
  const pour = (error?: Error | null) => {
    if (error) return;
    taken += chunk.length;
    socket.write(chunk, pour);
  };
  socket.write(`POST /open HTTP/1.1\r\nHost: x\r\nContent-Length: ${1024 ** 4}\r\n\r\n`, pour);
  await delay(1000);
  assert.match(answer, /^HTTP\/1.1 413 /);
  // What lies in the buffers of both ends is a part of it.
  assert.ok(taken < 32 * 1024 ** 2, `${taken} bytes were taken`);
});

describe('who asks once is answered before those who ask without a pause from another address', () => {
  const rows: [name: BehaviourName, address: string][] = [
    ['unknown paths', '127.0.0.2'],
    ['bad tokens', '127.0.0.3'],
  ];
  for (const [name, address] of rows) {
    test(name, { timeout: 20_000 }, async (context) => {
      const siege = new Siege(gateway.url, { ...BEHAVIOURS[name], connections: 100, addresses: [address] });
      context.after(() => siege.stop());
      while (answersTo(siege) < 1000) await delay(20);
      const before: number[] = [];
      while (before.length < 21) {
        const asked = answersTo(siege);
        assert.equal((await fetch(`${gateway.url}/open`)).status, 200);
        before.push(answersTo(siege) - asked);
      }
      // Each of the 100 would be before it, once when it is read and once when its upstream has answered.
      const median = before.sort((a, b) => a - b)[10] ?? Number.NaN;
      assert.ok(median < 80, `${before} answers were given before it`);
    });
  }
});

describe('connections over a limit are closed unheard, and counted; one that ends makes room', () => {
  // None of them has come before: the gateway may not have seen yet that those of another row are gone.
  const rows: [limit: keyof typeof MOST_CONNECTIONS, addresses: readonly string[]][] = [
    ['max_connections_per_address', ['127.0.0.4']],
    ['max_connections', ['127.0.0.5', '127.0.0.6', '127.0.0.7', '127.0.0.8', '127.0.0.9']],
  ];
  for (const [limit, addresses] of rows) {
    test(limit, { timeout: 20_000 }, async (context) => {
      const most = MOST_CONNECTIONS[limit];
      const siege = new Siege(gateway.url, { ...BEHAVIOURS['idle connections'], connections: 2 * most, addresses });
      context.after(() => siege.stop());
      while (siege.open > most || seenBy(siege).length === 0) await delay(20);
      const { 200: answered = 0, ...others } = siege.statuses;
      assert.deepEqual(others, {});
      assert.ok(answered <= most);
      assert.ok((await gateway.metric(`postern_connections_dropped_total{limit="${limit}"}`)) >= most - 10);
    });
  }
});

function answersTo({ statuses }: Siege): number {
  return Object.values(statuses).reduce((sum, count) => sum + count, 0);
}

function seenBy({ statuses }: Siege): number[] {
  return Object.keys(statuses).map(Number);
}
