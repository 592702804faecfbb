import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { FollowedFiles } from '../../src/config/followed-files.ts';

const folder = mkdtempSync(join(tmpdir(), 'postern-followed-'));
after(() => rmSync(folder, { recursive: true }));

/** Longer than a change takes to be told. */
const TOLD_MS = 900;

async function follow(context: TestContext, paths: readonly string[], onChange = async () => {}) {
  const files = await FollowedFiles.from(paths);
  context.after(() => files.close());
  const told = { times: 0 };
  files.start(async () => {
    told.times += 1;
    await files.take();
    await onChange();
  });
  return { files, told };
}

function write(name: string, text = 'first'): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

/** A folder behind a link, as a mounted ConfigMap is. */
function mount(name: string, version: string): string {
  const path = join(folder, name);
  mkdirSync(`${path}.${version}`);
  writeFileSync(join(`${path}.${version}`, 'file'), 'same text');
  symlinkSync(`${path}.${version}`, `${path}.new`);
  renameSync(`${path}.new`, path);
  return join(path, 'file');
}

describe('a change is told once', { concurrency: true }, () => {
  const CHANGES: readonly [sentence: string, make: () => string, change: (path: string) => void][] = [
    ['of a file that is written to', () => write('written'), (path) => writeFileSync(path, 'other')],
    ['of a file that is replaced', () => write('replaced'), (path) => renameSync(write('replacement', 'first'), path)],
    ['behind a link that is swapped', () => mount('mounted', 'v1'), () => mount('mounted', 'v2')],
    ['of a file that goes', () => write('gone'), (path) => unlinkSync(path)],
    ['of a file that comes', () => join(folder, 'new'), (path) => writeFileSync(path, '')],
  ];
  for (const [sentence, make, change] of CHANGES) {
    test(sentence, async (context) => {
      const path = make();
      const { told } = await follow(context, [write(`beside ${sentence}`), path]);
      change(path);
      await delay(TOLD_MS);
      assert.equal(told.times, 1);
    });
  }

  test('however long it is written to: it has to stand still first', async (context) => {
    const path = write('growing');
    const { told } = await follow(context, [path]);
    for (let part = 0; part < 10; part += 1) {
      writeFileSync(path, 'x'.repeat(part));
      await delay(90);
      assert.equal(told.times, 0);
    }
    await delay(TOLD_MS);
    assert.equal(told.times, 1);
  });

  test('and again where another one comes while the first is worked on', async (context) => {
    const path = write('again');
    let changedMeanwhile = false;
    const { told } = await follow(context, [path], async () => {
      if (!changedMeanwhile) writeFileSync(path, 'third');
      changedMeanwhile = true;
    });
    writeFileSync(path, 'second!');
    await delay(2 * TOLD_MS);
    assert.equal(told.times, 2);
  });

  test('of a file that was added, and not of one that was left out', async (context) => {
    const [left, added] = [write('left'), write('added')];
    const { files, told } = await follow(context, [left]);
    await files.follow([added]);
    writeFileSync(left, 'other');
    await delay(TOLD_MS);
    assert.equal(told.times, 0);
    writeFileSync(added, 'other');
    await delay(TOLD_MS);
    assert.equal(told.times, 1);
  });
});
