import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Worker } from 'node:worker_threads';
import { hashSync } from '@node-rs/argon2';
import { GatewayError } from '../../../src/errors.ts';
import { HashPool } from '../../../src/users/password-hash/hash-pool.ts';
import { verifyHash } from '../../../src/users/password-hash/schemes.ts';

const QUICK = hashSync('right', { memoryCost: 256, timeCost: 1 });
/** A hundred milliseconds or more, so that there is time to do something meanwhile. */
const SLOW = hashSync('right', { memoryCost: 65_536, timeCost: 3 });

const threads: Worker[] = [];
process.on('worker', (thread) => threads.push(thread));

function open(concurrent_checks: number | 'auto', queue: number): HashPool {
  threads.length = 0;
  const pool = new HashPool({ concurrent_checks, queue });
  after(() => pool.close());
  return pool;
}

function isUnavailable(error: unknown): boolean {
  return error instanceof GatewayError && error.code === 'temporarily_unavailable' && error.status === 503;
}

/** How each ended: the verdict, or the code it was refused with. */
async function outcomes(checks: readonly Promise<boolean>[]): Promise<unknown[]> {
  const settled = await Promise.allSettled(checks);
  return settled.map((check) => (check.status === 'fulfilled' ? check.value : (check.reason as GatewayError).code));
}

test('tells right passwords from wrong ones, on as many threads as it may have and only when needed', async () => {
  const pool = open(2, 8);
  assert.equal(threads.length, 0);
  const checks = Array.from({ length: 10 }, (_, index) => pool.verify(index % 2 === 0 ? 'right' : 'wrong', QUICK));
  assert.deepEqual(
    await outcomes(checks),
    Array.from({ length: 10 }, (_, index) => index % 2 === 0),
  );
  assert.equal(threads.length, 2);
});

test('has a thread for each core, and at most four, if nothing else is said', async () => {
  const pool = open('auto', 8);
  await Promise.all(Array.from({ length: 8 }, () => pool.verify('right', QUICK)));
  assert.equal(threads.length, Math.min(availableParallelism(), 4));
});

test('makes a hash once a thread has nothing to check', async () => {
  const pool = open(1, 8);
  const order: string[] = [];
  const work = [
    pool.verify('right', SLOW).then(() => order.push('a check')),
    pool.hash('right').then(() => order.push('a hash')),
    pool.hash('right').then(() => order.push('another')),
    pool.verify('right', QUICK).then(() => order.push('a later check')),
  ];
  await Promise.all(work);
  assert.deepEqual(order, ['a check', 'a later check', 'a hash', 'another']);
  assert.equal(threads.length, 1);
  const made = await pool.hash('right');
  assert.match(made, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  assert.equal(await pool.verify('right', made), true);
});

test('a hash takes no place of a check', async () => {
  const pool = open(1, 0);
  const made = pool.hash('right');
  assert.equal(await pool.verify('right', QUICK), true);
  assert.equal(await pool.verify('right', await made), true);
});

for (const queue of [0, 2]) {
  test(`refuses what does not fit into a queue of ${queue}, and recovers`, async () => {
    const pool = open(1, queue);
    const checks = Array.from({ length: queue + 3 }, () => pool.verify('right', QUICK));
    const refused = Array(2).fill('temporarily_unavailable');
    assert.deepEqual(await outcomes(checks), [...Array(queue + 1).fill(true), ...refused]);
    assert.equal(await pool.verify('right', QUICK), true);
  });
}

test('refuses an overlong password, even one that the hash is of', async () => {
  const pool = open(1, 0);
  for (const [bytes, accepted] of [
    [4096, true],
    [4097, false],
  ] as const) {
    const password = 'x'.repeat(bytes);
    const hash = hashSync(password, { memoryCost: 256, timeCost: 1 });
    assert.equal(verifyHash(password, hash), true);
    assert.equal(await pool.verify(password, hash), accepted);
  }
});

test('a hash that cannot be checked against is an outage, and starts no thread', async () => {
  const pool = open(1, 0);
  for (const hash of ['plain text', QUICK.replace('m=256', 'm=4000000')]) {
    await assert.rejects(pool.verify('right', hash), isUnavailable);
  }
  assert.equal(threads.length, 0);
});

test('neither the event loop nor libuv’s threads wait for checks', async () => {
  const pool = open(4, 4);
  await pool.verify('right', QUICK);
  const before = performance.now();
  verifyHash('right', SLOW);
  const slowMs = performance.now() - before;

  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  const checks = Array.from({ length: 4 }, () => pool.verify('right', SLOW));
  await sleep(5);
  const first = Promise.race(checks).then(() => 'a check');
  assert.equal(await Promise.race([first, stat(import.meta.filename).then(() => 'a file')]), 'a file');
  assert.deepEqual(await outcomes(checks), [true, true, true, true]);
  delay.disable();
  assert.ok(delay.max / 1e6 < 3 * slowMs, `the event loop stood still for ${delay.max / 1e6} ms`);
});

test('a thread that dies is an outage for all who wait, and the next check has a new one', async () => {
  const pool = open(1, 2);
  assert.equal(await pool.verify('right', QUICK), true);
  const checks = [pool.verify('right', SLOW), pool.verify('right', QUICK), pool.verify('wrong', QUICK)];
  await threads[0]?.terminate();
  assert.deepEqual(await outcomes(checks), Array(3).fill('temporarily_unavailable'));
  assert.equal(await pool.verify('right', QUICK), true);
});

test('closing waits for the checks that were accepted, and refuses others', async () => {
  const pool = open(1, 2);
  const checks = [pool.verify('right', SLOW), pool.verify('wrong', QUICK)];
  const closing = pool.close();
  await assert.rejects(pool.verify('right', QUICK), isUnavailable);
  await assert.rejects(pool.hash('right'), isUnavailable);
  await closing;
  assert.deepEqual(await outcomes(checks), [true, false]);
});

/** Runs the module in a process of its own. */
async function run(code: string, ...options: string[]): Promise<{ status: unknown; stdout: string }> {
  const directory = await mkdtemp(join(tmpdir(), 'postern-hash-pool-'));
  try {
    const script = join(directory, 'script.mjs');
    await writeFile(
      script,
      `import { HashPool } from '${import.meta.resolve('../../../src/users/password-hash/hash-pool.js')}';${code}`,
    );
    const argv = [...options, script];
    const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'], timeout: 20_000 });
    let stdout = '';
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
    });
    const [status] = await once(child, 'close');
    return { status, stdout };
  } finally {
    await rm(directory, { recursive: true });
  }
}

test('does not keep the process alive', async () => {
  const { status, stdout } = await run(`
    const pool = new HashPool({ concurrent_checks: 2, queue: 0 });
    console.log(await pool.verify('right', ${JSON.stringify(QUICK)}));
    const done = performance.now();
    process.on('exit', () => console.log(performance.now() - done < 5000 ? 'at once' : 'late'));
  `);
  assert.deepEqual({ status, stdout }, { status: 0, stdout: 'true\nat once\n' });
});

test('threads that cannot start are an outage for all who wait, not a crash', async () => {
  const failing = `data:text/javascript,import { isMainThread } from 'node:worker_threads';
    if (!isMainThread) throw new Error('no threads today');`;
  const { status, stdout } = await run(
    `const pool = new HashPool({ concurrent_checks: 2, queue: 8 });
    for (const round of [1, 2]) {
      const checks = Array.from({ length: 5 }, () => pool.verify('right', ${JSON.stringify(QUICK)}));
      console.log((await Promise.allSettled(checks)).map(({ reason }) => reason?.code).join());
    }`,
    '--import',
    failing,
  );
  const all = `${Array(5).fill('temporarily_unavailable').join()}\n`;
  assert.deepEqual({ status, stdout }, { status: 0, stdout: all + all });
});
