import type { Algorithm } from './key-set.ts';

/**
 * When keys sign, and for how long they are published. All times are milliseconds since 1970 on the clock of whoever
 * keeps the keys. Lists of keys are in the order in which they take over from each other.
 */
export interface KeyTimes {
  readonly kid: string;
  readonly algorithm: Algorithm;
  readonly createdAtMs: number;
  /** 0 for a key that nobody has set a time. */
  readonly signsFromMs: number;
  /** How long its last token may still be good after its successor has taken over. */
  readonly tokensLiveMs: number;
}

/** `next` is published ahead; `retiring` verifies what it has signed. */
export type KeyState = 'next' | 'signing' | 'retiring';

export interface Scheduled<Key> {
  readonly key: Key;
  readonly state: KeyState;
  /** Infinity while no successor is known. */
  readonly withdrawnAtMs: number;
}

type Times = Pick<KeyTimes, 'signsFromMs' | 'tokensLiveMs'>;

/** What each key does now. The last one whose time has come signs, or the first if none's has; withdrawn ones are left out. */
export function schedule<Key extends Times>(keys: readonly Key[], nowMs: number): readonly Scheduled<Key>[] {
  const lastDue = keys.findLastIndex(({ signsFromMs }) => signsFromMs <= nowMs);
  const signing = Math.max(0, lastDue);
  return keys
    .map((key, index) => ({ key, state: stateAt(index, signing), withdrawnAtMs: withdrawal(key, keys[index + 1]) }))
    .filter(({ withdrawnAtMs }) => withdrawnAtMs > nowMs);
}

function stateAt(index: number, signing: number): KeyState {
  if (index === signing) return 'signing';
  return index > signing ? 'next' : 'retiring';
}

function withdrawal({ tokensLiveMs }: Times, successor: Times | undefined): number {
  return successor === undefined ? Number.POSITIVE_INFINITY : successor.signsFromMs + tokensLiveMs;
}

export interface RotationPolicy {
  readonly algorithm: Algorithm;
  readonly rotate_every: number;
  readonly overlap: number;
  readonly tokensLiveMs: number;
}

/**
 * From when the key signs that has to be made now; undefined while none has to. Gateways whose configurations differ in
 * the algorithm make a key each, and not one after the other without end: a key that signs, or will, is enough.
 */
export function dueKeySignsFrom(
  keys: readonly KeyTimes[],
  { algorithm, rotate_every, overlap }: RotationPolicy,
  nowMs: number,
): number | undefined {
  const last = keys.at(-1);
  if (last === undefined) return nowMs;
  const used = schedule(keys, nowMs).filter(({ state }) => state !== 'retiring');
  const fits = used.some(({ key }) => key.algorithm === algorithm);
  const isYoung = nowMs < last.signsFromMs + rotate_every - overlap;
  return fits && isYoung ? undefined : nowMs + overlap;
}

/** What an operator asks for. */
export interface RotateRequest {
  /** The new key signs at once, and not after `overlap`. */
  readonly now: boolean;
  /** All other keys end at once, and every token that they signed. The new key then signs at once in any case. */
  readonly withdrawOthers: boolean;
}

/** From when the key signs that an operator asks for. @throws Error when there is a next key already. */
export function requestedKeySignsFrom(
  keys: readonly KeyTimes[],
  { now, withdrawOthers }: RotateRequest,
  overlapMs: number,
  nowMs: number,
): number {
  if (now || withdrawOthers || keys.length === 0) return nowMs;
  const next = schedule(keys, nowMs).find(({ state }) => state === 'next');
  if (next === undefined) return nowMs + overlapMs;
  const time = new Date(next.key.signsFromMs).toISOString();
  throw new Error(`there is a next key already: ${next.key.kid} signs from ${time}`);
}
