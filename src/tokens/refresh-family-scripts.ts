import { LUA_NOW } from '../store/lua.ts';
import type { Script } from '../store/store.ts';

/**
 * A family in the store, under one key: a hash in Redis, this record in the embedded store. `previous_hash` and
 * `successor` (sealed) are there for the grace in which a lost answer may be asked for again; it begins at `issued_at`,
 * when the token of this generation was made.
 */
interface Family {
  readonly grant: string;
  readonly clientId: string;
  readonly scope: string;
  readonly generation: number;
  readonly secretHash: string;
  readonly previousHash: string;
  readonly successor: string;
  readonly issuedAtMs: number;
  readonly usedAtMs: number;
  /** The idle end, which every use puts off; never after `endsAtMs`. */
  readonly expiresAtMs: number;
  readonly endsAtMs: number;
}

/** ARGV: grant (JSON), client id, scope, generation, secret's hash, idle and absolute lifetime in ms. */
export const START: Script<null> = {
  name: 'refresh-family-start',
  lua: `${LUA_NOW}
local grant, client_id, scope, generation, secret_hash, idle_ttl, max_ttl = unpack(ARGV)
local ttl = math.min(idle_ttl, max_ttl)
redis.call('HSET', KEYS[1], 'grant', grant, 'client_id', client_id, 'scope', scope,
  'generation', generation, 'secret_hash', secret_hash, 'previous_hash', '', 'successor', '',
  'issued_at', now, 'used_at', now, 'expires_at', now + ttl, 'ends_at', now + max_ttl)
redis.call('PEXPIRE', KEYS[1], ttl)
return nil`,
  embedded(entries, [key = ''], args, nowMs) {
    const [grant = '', clientId = '', scope = '', generation, secretHash = '', idleTtl, maxTtl] = args;
    const ttlMs = Math.min(Number(idleTtl), Number(maxTtl));
    const family: Family = {
      grant,
      clientId,
      scope,
      generation: Number(generation),
      secretHash,
      previousHash: '',
      successor: '',
      issuedAtMs: nowMs,
      usedAtMs: nowMs,
      expiresAtMs: nowMs + ttlMs,
      endsAtMs: nowMs + Number(maxTtl),
    };
    entries.set(key, family, ttlMs);
    return null;
  },
};

export type UseOutcome = 'rotated' | 'retried' | 'kept' | 'unknown' | 'foreign' | 'reused' | 'wider';

/** The grant for the first three outcomes and `reused`, and the sealed successor for `retried`; otherwise empty. */
export type UseReply = readonly [outcome: UseOutcome, grant: string, sealedSuccessor: string];

/**
 * ARGV: client id, requested scope (empty: all), generation, secret's hash, the successor's hash (empty: do not rotate),
 * the sealed successor (empty: no grace), idle lifetime and grace in ms.
 *
 * The client is looked at first, so that nobody can end a family that is not theirs; the scope last, so that asking for
 * too much consumes nothing.
 */
export const USE: Script<UseReply> = {
  name: 'refresh-family-use',
  lua: `${LUA_NOW}
local client_id, wanted, generation, hash, next_hash, sealed, idle_ttl, grace = unpack(ARGV)
local grant, owner, scope, current, secret_hash, previous_hash, successor, issued_at, ends_at = unpack(redis.call(
  'HMGET', KEYS[1], 'grant', 'client_id', 'scope', 'generation', 'secret_hash', 'previous_hash', 'successor',
  'issued_at', 'ends_at'))
if not grant then return {'unknown', '', ''} end
if owner ~= client_id then return {'foreign', '', ''} end

local behind = current - generation
if behind < 0 or (behind == 0 and hash ~= secret_hash) or (behind == 1 and hash ~= previous_hash) then
  return {'unknown', '', ''}
end
local retried = behind == 1 and successor ~= '' and now - issued_at < tonumber(grace)
if behind > 0 and not retried then
  redis.call('DEL', KEYS[1])
  return {'reused', grant, ''}
end
for word in string.gmatch(wanted, '[^ ]+') do
  if not string.find(' ' .. scope .. ' ', ' ' .. word .. ' ', 1, true) then return {'wider', '', ''} end
end

if retried then return {'retried', grant, successor} end
local ttl = math.min(idle_ttl, ends_at - now)
redis.call('HSET', KEYS[1], 'used_at', now, 'expires_at', now + ttl)
redis.call('PEXPIRE', KEYS[1], ttl)
if next_hash == '' then return {'kept', grant, ''} end
redis.call('HSET', KEYS[1], 'generation', current + 1, 'secret_hash', next_hash, 'previous_hash', hash,
  'successor', sealed, 'issued_at', now)
return {'rotated', grant, ''}`,
  embedded(entries, [key = ''], args, nowMs) {
    const [clientId, wanted = '', generation, hash = '', nextHash = '', sealed = '', idleTtl, grace] = args;
    const family = entries.get<Family>(key);
    if (family === undefined) return ['unknown', '', ''];
    if (family.clientId !== clientId) return ['foreign', '', ''];

    const behind = family.generation - Number(generation);
    const genuine = behind > 1 || hash === [family.secretHash, family.previousHash][behind];
    if (!genuine) return ['unknown', '', ''];
    const retried = behind === 1 && family.successor !== '' && nowMs - family.issuedAtMs < Number(grace);
    if (behind > 0 && !retried) {
      entries.delete(key);
      return ['reused', family.grant, ''];
    }
    const granted = family.scope.split(' ');
    if (!(wanted.match(/[^ ]+/g) ?? []).every((scope) => granted.includes(scope))) return ['wider', '', ''];

    if (retried) return ['retried', family.grant, family.successor];
    const ttlMs = Math.min(Number(idleTtl), family.endsAtMs - nowMs);
    const used = { ...family, usedAtMs: nowMs, expiresAtMs: nowMs + ttlMs };
    const rotated = {
      ...used,
      generation: family.generation + 1,
      secretHash: nextHash,
      previousHash: hash,
      successor: sealed,
      issuedAtMs: nowMs,
    };
    entries.set(key, nextHash === '' ? used : rotated, ttlMs);
    return [nextHash === '' ? 'kept' : 'rotated', family.grant, ''];
  },
};

/**
 * What a family is like now: its grant, generation, secret's hash and the previous one's, and when it was issued, used,
 * expires and ends, in ms. Nothing if there is none. Changes nothing.
 */
export const READ: Script<readonly string[]> = {
  name: 'refresh-family-read',
  lua: `
local family = redis.call('HMGET', KEYS[1],
  'grant', 'generation', 'secret_hash', 'previous_hash', 'issued_at', 'used_at', 'expires_at', 'ends_at')
if not family[1] then return {} end
return family`,
  embedded(entries, [key = '']) {
    const family = entries.get<Family>(key);
    if (family === undefined) return [];
    const { grant, generation, secretHash, previousHash, issuedAtMs, usedAtMs, expiresAtMs, endsAtMs } = family;
    const numbers = [issuedAtMs, usedAtMs, expiresAtMs, endsAtMs].map(String);
    return [grant, String(generation), secretHash, previousHash, ...numbers];
  },
};

/** The grant of the family that has ended; empty if there was none. */
export const END: Script<string> = {
  name: 'refresh-family-end',
  lua: `
local grant = redis.call('HGET', KEYS[1], 'grant')
redis.call('DEL', KEYS[1])
return grant or ''`,
  embedded(entries, [key = '']) {
    const family = entries.get<Family>(key);
    entries.delete(key);
    return family?.grant ?? '';
  },
};
