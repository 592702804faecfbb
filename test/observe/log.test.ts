import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createLog } from '../../src/observe/log.ts';

function logging() {
  const lines: string[] = [];
  const log = createLog({ level: 'info', format: 'json' }, { write: (line) => lines.push(line) });
  return { log, lines };
}

test('a line has the time of its millisecond', (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: Date.UTC(2026, 0, 31, 23, 59, 59, 998) });
  const { log, lines } = logging();
  for (const passed of [0, 0, 1, 1]) {
    t.mock.timers.tick(passed);
    log.info('said');
  }
  assert.deepEqual(
    lines.map((line) => JSON.parse(line).time),
    ['2026-01-31T23:59:59.998Z', '2026-01-31T23:59:59.998Z', '2026-01-31T23:59:59.999Z', '2026-02-01T00:00:00.000Z'],
  );
});

describe('what callers sent is written so that it is seen', () => {
  const rows: [sentence: string, sent: string, logged: string][] = [
    ['ASCII as it is', 'a "b" \\ ~', 'a "b" \\ ~'],
    ['letters beyond ASCII as they are', 'Zoë 漢 🦊', 'Zoë 漢 🦊'],
    ['a line break as an escape', 'a\r\nb', 'a\r\nb'],
    ['DEL', 'a\x7fb', 'a\ufffdb'],
    ['a control character of Latin-1', 'a\x9bb', 'a\ufffdb'],
    ['a line separator', 'a\u2028b', 'a\ufffdb'],
    ['a change of direction', 'a\u202eb', 'a\ufffdb'],
    ['a format character beyond 16 bits', 'a\u{e0041}b', 'a\ufffdb'],
  ];
  for (const [sentence, sent, logged] of rows) {
    test(sentence, () => {
      const { log, lines } = logging();
      log.info({ sent }, 'said');
      assert.equal(JSON.parse(lines[0] ?? '').sent, logged);
      assert.equal((lines[0] ?? '').split('\n').length, 2);
    });
  }
});
