import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { chooseCases } from '../../bench/cases.ts';
import { usageOf } from '../../bench/measure/process-tree.ts';
import { quantile, spreadOf } from '../../bench/measure/spread.ts';
import { readOptions } from '../../bench/options.ts';
import { choosePeers } from '../../bench/peers.ts';
import { CLI } from '../support/cli.ts';
import { newFolder, removeFolder } from '../support/server-process.ts';

const run = promisify(execFile);

test('npm run bench measures a running gateway, and writes what it found', async (context) => {
  const out = newFolder('bench');
  context.after(() => removeFolder(out));
  const options = ['--case', 'stream-events', '--peers', 'postern', '--rounds', '1'];
  await run(process.execPath, ['build/bench/run.js', '--cli', CLI, '--out', out, ...options]);

  const report = JSON.parse(readFileSync(join(out, 'report.json'), 'utf8'));
  assert.deepEqual(Object.keys(report.cases[0].figures), ['postern', 'no gateway']);
  assert.equal(report.cases[0].figures.postern.length, 200);
  assert.match(readFileSync(join(out, 'report.md'), 'utf8'), /^\| postern +\|( +\d+\.\d\d +\|){3}$/m);
  assert.match(readFileSync(join(out, 'report.svg'), 'utf8'), /^<svg /);
});

for (const [sentence, choose] of [
  ['a case that there is not', () => chooseCases(['no-such-case'], false)],
  ['a peer that there is not', () => choosePeers(['no-such-peer'])],
  ['no rounds', () => readOptions(['--rounds', '0'])],
  ['half a second, which wrk cannot do', () => readOptions(['--seconds', '0.5'])],
] as const) {
  test(`npm run bench refuses ${sentence}`, () => {
    assert.throws(choose);
  });
}

test('the whole name of a case means it alone, though others begin with it', () => {
  const chosen = (name: string) => chooseCases([name], false).map((found) => found.name);
  assert.deepEqual(chosen('login-flood'), ['login-flood']);
  assert.deepEqual(chosen('stream'), ['stream-download', 'stream-upload', 'stream-events']);
});

test('a quantile lies between two values, in proportion', () => {
  assert.deepEqual(spreadOf([4, 1, 2]), { median: 2, min: 1, max: 4 });
  assert.equal(quantile([1, 2, 3, 5], 0.5), 2.5);
  assert.equal(quantile([0, 100], 0.99), 99);
  assert.throws(() => quantile([], 0.5), RangeError);
});

test('the CPU of a process is counted with that of its children that have ended', async () => {
  const before = usageOf([process.pid]);
  await run(process.execPath, ['--eval', 'for (const end = Date.now() + 200; Date.now() < end; );']);
  const after = usageOf([process.pid]);
  assert.ok(after.cpuMicroseconds - before.cpuMicroseconds > 50_000);
  assert.ok(after.rssBytes > 10_000_000);
});
