import { LUA_NOW } from '../store/lua.ts';
import type { Script } from '../store/store.ts';

/**
 * A family in the store, under one key: a hash in Redis, this record in the embedded store. `previous_hash`,
 * `consumed_at` and `successor` (sealed) are there for the grace in which a lost answer may be asked for again.
 */
interface Family {
  readonly grant: string;
  readonly clientId: string;
  readonly scope: string;
  readonly generation: number;
  readonly secretHash: string;
  readonly previousHash: string;
  readonly consumedAtMs: number;
  readonly successor: string;
  readonly endsAtMs: number;
}

/** ARGV: grant (JSON), client id, scope, generation, secret's hash, idle and absolute lifetime in ms. */
export const START: Script<null> = {
  name: 'refresh-family-start',
  lua: `${LUA_NOW}
local grant, client_id, scope, generation, secret_hash, idle_ttl, max_ttl = unpack(ARGV)
redis.call('HSET', KEYS[1], 'grant', grant, 'client_id', client_id, 'scope', scope,
  'generation', generation, 'secret_hash', secret_hash, 'previous_hash', '', 'consumed_at', 0, 'successor', '',
  'ends_at', now + max_ttl)
redis.call('PEXPIRE', KEYS[1], math.min(idle_ttl, max_ttl))
return nil`,
  embedded(entries, [key = ''], args, nowMs) {
    const [grant = '', clientId = '', scope = '', generation, secretHash = '', idleTtl, maxTtl] = args;
    const family: Family = {
      grant,
      clientId,
      scope,
      generation: Number(generation),
      secretHash,
      previousHash: '',
      consumedAtMs: 0,
      successor: '',
      endsAtMs: nowMs + Number(maxTtl),
    };
    entries.set(key, family, Math.min(Number(idleTtl), Number(maxTtl)));
    return null;
  },
};

export type UseOutcome = 'rotated' | 'retried' | 'kept' | 'unknown' | 'foreign' | 'reused' | 'wider';

/** The grant for the first three outcomes, and the sealed successor for `retried`; otherwise empty. */
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
local grant, owner, scope, current, secret_hash, previous_hash, consumed_at, successor, ends_at = unpack(redis.call(
  'HMGET', KEYS[1], 'grant', 'client_id', 'scope', 'generation', 'secret_hash', 'previous_hash', 'consumed_at',
  'successor', 'ends_at'))
if not grant then return {'unknown', '', ''} end
if owner ~= client_id then return {'foreign', '', ''} end

local behind = current - generation
if behind < 0 or (behind == 0 and hash ~= secret_hash) or (behind == 1 and hash ~= previous_hash) then
  return {'unknown', '', ''}
end
local retried = behind == 1 and successor ~= '' and now - consumed_at < tonumber(grace)
if behind > 0 and not retried then
  redis.call('DEL', KEYS[1])
  return {'reused', '', ''}
end
for word in string.gmatch(wanted, '[^ ]+') do
  if not string.find(' ' .. scope .. ' ', ' ' .. word .. ' ', 1, true) then return {'wider', '', ''} end
end

if retried then return {'retried', grant, successor} end
redis.call('PEXPIRE', KEYS[1], math.min(idle_ttl, ends_at - now))
if next_hash == '' then return {'kept', grant, ''} end
redis.call('HSET', KEYS[1], 'generation', current + 1, 'secret_hash', next_hash, 'previous_hash', hash,
  'consumed_at', now, 'successor', sealed)
return {'rotated', grant, ''}`,
  embedded(entries, [key = ''], args, nowMs) {
    const [clientId, wanted = '', generation, hash = '', nextHash = '', sealed = '', idleTtl, grace] = args;
    const family = entries.get<Family>(key);
    if (family === undefined) return ['unknown', '', ''];
    if (family.clientId !== clientId) return ['foreign', '', ''];

    const behind = family.generation - Number(generation);
    const genuine = behind > 1 || hash === [family.secretHash, family.previousHash][behind];
    if (!genuine) return ['unknown', '', ''];
    const retried = behind === 1 && family.successor !== '' && nowMs - family.consumedAtMs < Number(grace);
    if (behind > 0 && !retried) {
      entries.delete(key);
      return ['reused', '', ''];
    }
    const granted = family.scope.split(' ');
    if (!(wanted.match(/[^ ]+/g) ?? []).every((scope) => granted.includes(scope))) return ['wider', '', ''];

    if (retried) return ['retried', family.grant, family.successor];
    const rotated = {
      ...family,
      generation: family.generation + 1,
      secretHash: nextHash,
      previousHash: hash,
      consumedAtMs: nowMs,
      successor: sealed,
    };
    entries.set(key, nextHash === '' ? family : rotated, Math.min(Number(idleTtl), family.endsAtMs - nowMs));
    return [nextHash === '' ? 'kept' : 'rotated', family.grant, ''];
  },
};

/** ARGV: client id, generation, secret's hash. */
export const REVOKE: Script<null> = {
  name: 'refresh-family-revoke',
  lua: `
local client_id, generation, hash = unpack(ARGV)
local owner, current, secret_hash, previous_hash = unpack(redis.call(
  'HMGET', KEYS[1], 'client_id', 'generation', 'secret_hash', 'previous_hash'))
if owner ~= client_id then return nil end
local behind = current - generation
if behind > 1 or (behind == 0 and hash == secret_hash) or (behind == 1 and hash == previous_hash) then
  redis.call('DEL', KEYS[1])
end
return nil`,
  embedded(entries, [key = ''], [clientId, generation, hash = '']) {
    const family = entries.get<Family>(key);
    if (family === undefined || family.clientId !== clientId) return null;
    const behind = family.generation - Number(generation);
    if (behind > 1 || hash === [family.secretHash, family.previousHash][behind]) entries.delete(key);
    return null;
  },
};
