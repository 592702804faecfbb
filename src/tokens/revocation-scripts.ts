import { LUA_NOW } from '../store/lua.ts';
import type { Script } from '../store/store.ts';

/**
 * The list of what is denied, in the order in which it was: a sorted set by sequence number in Redis, of `ID ENDS_AT_MS`.
 * A sequence number is the time in microseconds, or one more than the last where that is not behind. In the embedded
 * store each denial is an entry of its own, so that a long list costs no more than a short one, and this says which.
 */
interface Span {
  readonly first: number;
  readonly last: number;
  readonly endsAtMs: number;
}

const entryKey = (key: string, sequence: number) => `${key}:${sequence}`;

/** How many of the oldest denials a new one looks at for some that have ended: they go faster than they come. */
const SWEEP_STEP = 10;

/**
 * Adds a denial to the list, unless it is full.
 *
 * ARGV: id, how long it is denied in ms, how many denials the list may hold.
 */
export const DENY: Script<'denied' | 'full'> = {
  name: 'deny-token',
  lua: `${LUA_NOW}
local id, ttl, limit = unpack(ARGV)
for _, denial in ipairs(redis.call('ZRANGE', KEYS[1], 0, ${SWEEP_STEP - 1})) do
  if tonumber(string.match(denial, '%d+$')) <= now then redis.call('ZREM', KEYS[1], denial) end
end
if redis.call('ZCARD', KEYS[1]) >= tonumber(limit) then return 'full' end
local last = redis.call('ZREVRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2] or 0
redis.call('ZADD', KEYS[1], math.max(now * 1000, last + 1), id .. ' ' .. now + ttl)
redis.call('PEXPIRE', KEYS[1], math.max(redis.call('PTTL', KEYS[1]), ttl))
return 'denied'`,
  embedded(entries, [key = ''], [id = '', ttlMs, limit], nowMs) {
    const span = entries.get<Span>(key) ?? { first: nowMs * 1000, last: nowMs * 1000 - 1, endsAtMs: 0 };
    let first = span.first;
    const isGone = () => first <= span.last && entries.get(entryKey(key, first)) === undefined;
    for (let step = 0; step < SWEEP_STEP && isGone(); step += 1) first += 1;
    const last = span.last + 1;
    if (last - first >= Number(limit)) return 'full';
    const denialEndsAtMs = nowMs + Number(ttlMs);
    const endsAtMs = Math.max(span.endsAtMs, denialEndsAtMs);
    entries.set(entryKey(key, last), `${id} ${denialEndsAtMs}`, Number(ttlMs));
    entries.set(key, { first, last, endsAtMs }, endsAtMs - nowMs);
    return 'denied';
  },
};

/**
 * The denials after a sequence number, each as `ID ENDS_AT_MS SEQUENCE`. If the list ends before that number, it is
 * another list than the one that it was read from (Redis was emptied, or another took over), and is read from its start.
 *
 * ARGV: the sequence number, how many denials at the most.
 */
export const READ_DENIALS: Script<readonly string[]> = {
  name: 'read-denials',
  lua: `
local after, limit = unpack(ARGV)
local last = redis.call('ZREVRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2] or 0
if tonumber(after) > tonumber(last) then after = 0 end
local found = redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. after, '+inf', 'WITHSCORES', 'LIMIT', 0, limit)
local denials = {}
for i = 1, #found, 2 do denials[#denials + 1] = found[i] .. ' ' .. found[i + 1] end
return denials`,
  embedded(entries, [key = ''], [after, limit]) {
    const span = entries.get<Span>(key);
    if (span === undefined) return [];
    const denials: string[] = [];
    const start = Number(after) > span.last ? span.first : Math.max(span.first, Number(after) + 1);
    for (let sequence = start; sequence <= span.last && denials.length < Number(limit); sequence += 1) {
      const denial = entries.get<string>(entryKey(key, sequence));
      if (denial !== undefined) denials.push(`${denial} ${sequence}`);
    }
    return denials;
  },
};
