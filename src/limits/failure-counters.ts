import { LUA_NOW } from '../store/lua.ts';
import type { Entries, Script } from '../store/store.ts';

/**
 * How failures add up. A rule with a `lock` locks when they reach `failures`, twice as long each time, and then counts
 * anew; one without is a fixed window from the first failure on, locked until its end. All durations in milliseconds.
 */
export interface CounterRule {
  readonly failures: number;
  readonly lock: number;
  readonly max_lock: number;
  /** How long after the last failure (with a lock) or the first (a window) all is forgotten. */
  readonly forget_after: number;
}

/** The form in which scripts take a rule. */
export function ruleArguments({ failures, lock, max_lock, forget_after }: CounterRule): readonly number[] {
  return [failures, lock, max_lock, forget_after];
}

interface Counter {
  readonly failures: number;
  /** How often it was locked. */
  readonly level: number;
  readonly lockedUntilMs: number;
  readonly endsAtMs: number;
}

const NO_FAILURES: Counter = { failures: 0, level: 0, lockedUntilMs: 0, endsAtMs: 0 };

/** Attempts whose outcome is awaited: when each is given up, by its id. A sorted set in Redis. */
type Reservations = Readonly<Record<string, number>>;

export type ReserveReply = readonly ['reserved' | 'busy' | 'locked', lockedMs: number];

/**
 * Takes one of the failures that are left from every counter, or from none: `locked` when one has none left, `busy` when
 * those that are left are all being tried. A limit that was lowered meanwhile leaves one try, whose failure locks.
 *
 * KEYS: the counters, then the reservations of each. ARGV: id, how long it is held in ms, each counter's limit.
 */
export const RESERVE: Script<ReserveReply> = {
  name: 'login-reserve',
  lua: `${LUA_NOW}
local id, held_for = ARGV[1], tonumber(ARGV[2])
local counters = #KEYS / 2
local locked_for, busy = 0, false
for i = 1, counters do
  local failures, locked_until = unpack(redis.call('HMGET', KEYS[i], 'failures', 'locked_until'))
  locked_for = math.max(locked_for, (locked_until or 0) - now)
  redis.call('ZREMRANGEBYSCORE', KEYS[counters + i], '-inf', now)
  local left = math.max(1, ARGV[2 + i] - (failures or 0))
  if redis.call('ZCARD', KEYS[counters + i]) >= left then busy = true end
end
if locked_for > 0 then return {'locked', locked_for} end
if busy then return {'busy', 0} end
for i = counters + 1, #KEYS do
  redis.call('ZADD', KEYS[i], now + held_for, id)
  redis.call('PEXPIRE', KEYS[i], held_for)
end
return {'reserved', 0}`,
  embedded(entries, keys, [id = '', heldFor, ...limits], nowMs) {
    const counters = keys.slice(0, keys.length / 2).map((key) => entries.get<Counter>(key) ?? NO_FAILURES);
    const reservations = keys
      .slice(keys.length / 2)
      .map((key) => ({ key, live: liveReservations(entries, key, nowMs) }));
    const lockedMs = Math.max(...counters.map(({ lockedUntilMs }) => lockedUntilMs - nowMs));
    if (lockedMs > 0) return ['locked', lockedMs];
    const left = counters.map(({ failures }, index) => Math.max(1, Number(limits[index]) - failures));
    if (left.some((free, index) => Object.keys(reservations[index]?.live ?? {}).length >= free)) return ['busy', 0];
    for (const { key, live } of reservations) {
      entries.set(key, { ...live, [id]: nowMs + Number(heldFor) }, Number(heldFor));
    }
    return ['reserved', 0];
  },
};

export type Settlement = 'accepted' | 'refused' | 'undone';

const LUA_COUNT_FAILURE = `${LUA_NOW}
local function count_failure(key, limit, lock, max_lock, forget_after)
  local failures, level, locked_until, ends_at =
    unpack(redis.call('HMGET', key, 'failures', 'level', 'locked_until', 'ends_at'))
  if tonumber(ends_at or 0) <= now then failures, level, locked_until, ends_at = 0, 0, 0, 0 end
  failures, level, locked_until, ends_at = failures + 1, tonumber(level), tonumber(locked_until), tonumber(ends_at)
  if lock == 0 then
    if failures == 1 then ends_at = now + forget_after end
    if failures >= limit then locked_until = ends_at end
  else
    if failures >= limit then
      locked_until = now + math.min(lock * 2 ^ level, max_lock)
      failures, level = 0, level + 1
    end
    ends_at = math.max(now + forget_after, locked_until)
  end
  redis.call('HSET', key, 'failures', failures, 'level', level, 'locked_until', locked_until, 'ends_at', ends_at)
  redis.call('PEXPIRE', key, ends_at - now)
  return math.max(locked_until - now, 0)
end

local function count_failures(counters, first_rule)
  local locked_for = {}
  for i = 1, counters do
    local rule = {}
    for part = 0, 3 do rule[part + 1] = tonumber(ARGV[first_rule + (i - 1) * 4 + part]) end
    locked_for[i] = count_failure(KEYS[i], unpack(rule))
  end
  return locked_for
end
`;

/**
 * Ends a reservation: `accepted` forgets the first counter, `refused` counts a failure on each, `undone` counts nothing.
 *
 * KEYS: as in RESERVE. ARGV: id, settlement, each counter's rule.
 */
export const SETTLE: Script<null> = {
  name: 'login-settle',
  lua: `${LUA_COUNT_FAILURE}
local id, settlement = ARGV[1], ARGV[2]
local counters = #KEYS / 2
for i = counters + 1, #KEYS do redis.call('ZREM', KEYS[i], id) end
if settlement == 'accepted' then redis.call('DEL', KEYS[1]) end
if settlement == 'refused' then count_failures(counters, 3) end
return nil`,
  embedded(entries, keys, [id = '', settlement, ...rules], nowMs) {
    const counters = keys.slice(0, keys.length / 2);
    for (const key of keys.slice(keys.length / 2)) release(entries, key, id, nowMs);
    if (settlement === 'accepted') entries.delete(keys[0] ?? '');
    if (settlement === 'refused') countFailures(entries, counters, rules, nowMs);
    return null;
  },
};

/**
 * Counts a failure on each counter that was not reserved before. Returns how long each is locked now, in ms.
 *
 * KEYS: the counters. ARGV: each one's rule.
 */
export const COUNT_FAILURE: Script<readonly number[]> = {
  name: 'count-failure',
  lua: `${LUA_COUNT_FAILURE}
return count_failures(#KEYS, 1)`,
  embedded: (entries, keys, rules, nowMs) => countFailures(entries, keys, rules, nowMs),
};

function countFailures(entries: Entries, keys: readonly string[], rules: readonly string[], nowMs: number): number[] {
  return keys.map((key, index) => {
    const [limit = 0, lock = 0, maxLock = 0, forgetAfter = 0] = rules.slice(index * 4).map(Number);
    const rule = { failures: limit, lock, max_lock: maxLock, forget_after: forgetAfter };
    const counter = afterFailure(entries.get<Counter>(key) ?? NO_FAILURES, rule, nowMs);
    entries.set(key, counter, counter.endsAtMs - nowMs);
    return Math.max(counter.lockedUntilMs - nowMs, 0);
  });
}

function afterFailure(counter: Counter, rule: CounterRule, nowMs: number): Counter {
  const failures = counter.failures + 1;
  const forgottenAtMs = nowMs + rule.forget_after;
  if (rule.lock === 0) {
    const endsAtMs = failures === 1 ? forgottenAtMs : counter.endsAtMs;
    return {
      ...counter,
      failures,
      endsAtMs,
      lockedUntilMs: failures >= rule.failures ? endsAtMs : counter.lockedUntilMs,
    };
  }
  if (failures < rule.failures) {
    return { ...counter, failures, endsAtMs: Math.max(forgottenAtMs, counter.lockedUntilMs) };
  }
  const lockedUntilMs = nowMs + Math.min(rule.lock * 2 ** counter.level, rule.max_lock);
  return { failures: 0, level: counter.level + 1, lockedUntilMs, endsAtMs: Math.max(forgottenAtMs, lockedUntilMs) };
}

function liveReservations(entries: Entries, key: string, nowMs: number): Reservations {
  const held = Object.entries(entries.get<Reservations>(key) ?? {});
  return Object.fromEntries(held.filter(([, heldUntilMs]) => heldUntilMs > nowMs));
}

function release(entries: Entries, key: string, id: string, nowMs: number): void {
  const { [id]: _, ...others } = liveReservations(entries, key, nowMs);
  const heldUntilMs = Math.max(...Object.values(others));
  if (heldUntilMs > nowMs) entries.set(key, others, heldUntilMs - nowMs);
  else entries.delete(key);
}
