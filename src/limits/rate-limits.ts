import { GatewayError } from '../errors.ts';
import type { Script, Store } from '../store/store.ts';

/** At most so many requests in a window that begins with the first of them and lasts `per` milliseconds. */
export interface Rate {
  readonly requests: number;
  readonly per: number;
}

/** How long to wait in ms, 0 for a request that may go on. ARGV: requests and length of the window in ms. */
const TAKE: Script<number> = {
  name: 'rate-limit-take',
  lua: `
local requests, per = tonumber(ARGV[1]), ARGV[2]
local taken = redis.call('INCR', KEYS[1])
if taken == 1 then redis.call('PEXPIRE', KEYS[1], per) end
if taken <= requests then return 0 end
return math.max(redis.call('PTTL', KEYS[1]), 1)`,
  embedded(entries, [key = ''], [requests, per], nowMs) {
    const window = entries.get<Window>(key) ?? { taken: 0, endsAtMs: nowMs + Number(per) };
    const taken = window.taken + 1;
    entries.set(key, { ...window, taken }, window.endsAtMs - nowMs);
    return taken <= Number(requests) ? 0 : window.endsAtMs - nowMs;
  },
};

interface Window {
  readonly taken: number;
  readonly endsAtMs: number;
}

/** Request rates, counted in the store for all gateways that share it. */
export class RateLimits {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  /**
   * Counts a request.
   *
   * @param key whose requests are counted together
   * @throws GatewayError `temporarily_unavailable`: with 429 and Retry-After when there were too many, with 503 when the
   * store is out.
   */
  async take(key: string, { requests, per }: Rate): Promise<void> {
    const waitMs = await this.#store.run(TAKE, [`rate:${key}`], [requests, per]);
    if (waitMs > 0) throw tooManyRequests(waitMs);
  }
}

/** RFC 6585 §4. The codes of RFC 6749 §5.2 blame the request; this one, of §4.1.2.1, says to try again later. */
function tooManyRequests(waitMs: number): GatewayError {
  return new GatewayError('temporarily_unavailable', {
    status: 429,
    description: 'Too many requests. Try again later.',
    headers: { 'Retry-After': String(Math.ceil(waitMs / 1000)) },
  });
}
