import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  dueKeySignsFrom,
  type KeyTimes,
  type RotateRequest,
  requestedKeySignsFrom,
  schedule,
} from '../../src/tokens/rotation.ts';

/** Keys called a, b, c… that sign from these times on; tokens live for 15. */
function keys(...signsFrom: number[]): KeyTimes[] {
  return signsFrom.map((signsFromMs, index) => ({
    kid: String.fromCharCode(97 + index),
    algorithm: 'RS256',
    createdAtMs: 0,
    signsFromMs,
    tokensLiveMs: 15,
  }));
}

const lasting = (key: KeyTimes): KeyTimes => ({ ...key, tokensLiveMs: Number.POSITIVE_INFINITY });
const rs = (signsFromMs: number): KeyTimes => ({ ...(keys(signsFromMs)[0] as KeyTimes) });
const es = (signsFromMs: number): KeyTimes => ({ ...rs(signsFromMs), algorithm: 'ES256' });

describe('what keys do', () => {
  const rows: [sentence: string, keys: KeyTimes[], now: number, states: string][] = [
    ['one key signs', keys(100), 100, 'a signing'],
    ['one key signs even if its time has not come', keys(100), 99, 'a signing'],
    ['a next key waits', keys(100, 200), 199, 'a signing until 215, b next'],
    ['a next key takes over when its time has come', keys(100, 200), 200, 'a retiring until 215, b signing'],
    ['a retiring key stays while a token of it is good', keys(100, 200), 214, 'a retiring until 215, b signing'],
    ['a retiring key is withdrawn after that', keys(100, 200), 215, 'b signing'],
    ['the first signs if no time has come', keys(100, 200), 0, 'a signing until 215, b next'],
    ['of two whose time has come, the last signs', keys(0, 200, 205), 216, 'b retiring until 220, c signing'],
    [
      'the last of keys that have no time signs',
      keys(0, 0, 100),
      9,
      'a retiring until 15, b signing until 115, c next',
    ],
    ['keys that are not withdrawn by time stay', keys(0, 0).map(lasting), 99, 'a retiring, b signing'],
    ['there may be none', [], 0, ''],
  ];
  for (const [sentence, kept, now, states] of rows) {
    test(sentence, () => {
      const told = schedule(kept, now).map(({ key, state, withdrawnAtMs }) => {
        return `${key.kid} ${state}${Number.isFinite(withdrawnAtMs) ? ` until ${withdrawnAtMs}` : ''}`;
      });
      assert.equal(told.join(', '), states);
    });
  }
});

describe('the next key is made', () => {
  const policy = { algorithm: 'RS256', rotate_every: 90, overlap: 10, tokensLiveMs: 15 } as const;
  const rows: [sentence: string, keys: KeyTimes[], now: number, signsFrom: number | undefined][] = [
    ['at once where there is none, and signs at once', [], 5, 5],
    ['not before it has to be published', [rs(100)], 179, undefined],
    ['overlap before it signs', [rs(100)], 180, 190],
    ['once', [rs(100), rs(190)], 181, undefined],
    ['once, also after it has taken over', [rs(100), rs(190)], 195, undefined],
    ['late and still published first, if nobody was there in time', [rs(100)], 1000, 1010],
    ['for another algorithm', [es(100)], 105, 115],
    ['for another algorithm once', [es(100), rs(115)], 106, undefined],
    ['not by a gateway whose algorithm still signs', [rs(100), es(115)], 106, undefined],
    ['by a gateway whose algorithm only retires', [rs(100), es(115)], 116, 126],
  ];
  for (const [sentence, kept, now, signsFrom] of rows) {
    test(sentence, () => assert.equal(dueKeySignsFrom(kept, policy, now), signsFrom));
  }
});

describe('a key that is asked for signs', () => {
  const request = (changes: Partial<RotateRequest> = {}) => ({ now: false, withdrawOthers: false, ...changes });
  const rows: [sentence: string, keys: KeyTimes[], request: RotateRequest, signsFrom: number][] = [
    ['after overlap', keys(100), request(), 120],
    ['at once if it is the first', [], request(), 110],
    ['at once if asked to', keys(100), request({ now: true }), 110],
    ['at once if asked to, though there is a next key', keys(100, 115), request({ now: true }), 110],
    ['at once if all others end', keys(100, 115), request({ withdrawOthers: true }), 110],
  ];
  for (const [sentence, kept, asked, signsFrom] of rows) {
    test(sentence, () => assert.equal(requestedKeySignsFrom(kept, asked, 10, 110), signsFrom));
  }

  test('not at all while another one is next', () => {
    assert.throws(() => requestedKeySignsFrom(keys(100, 115), request(), 10, 110), /b signs from/);
  });
});
