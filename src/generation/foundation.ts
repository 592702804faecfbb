import type { Config } from '../config/schema.ts';
import { GatewayError } from '../errors.ts';
import { RecentRefusals } from '../explain/recent-refusals.ts';
import { SharedParts } from '../lease.ts';
import { RateLimits } from '../limits/rate-limits.ts';
import { createPace, type Pace } from '../limits/turns.ts';
import { type AnsweredRequest, createAccessLog } from '../observe/access-log.ts';
import type { Log } from '../observe/log.ts';
import { createMetrics, type Metrics } from '../observe/metrics.ts';
import { Tunnels } from '../proxy/tunnel.ts';
import { openStore } from '../store/open.ts';
import type { Store } from '../store/store.ts';
import { createDpopProofs, type DpopProofs } from '../tokens/dpop-proofs.ts';
import { RevokedTokens } from '../tokens/revoked-tokens.ts';
import { UsedOnce } from '../tokens/used-once.ts';

/** What lives as long as the gateway, however often its configuration changes: the store, and all that rests on it alone. */
export interface Foundation {
  readonly log: Log;
  readonly metrics: Metrics;
  readonly logAccess: (request: AnsweredRequest) => void;
  readonly pace: Pace;
  readonly store: Store;
  readonly revoked: RevokedTokens;
  readonly refusals: RecentRefusals;
  readonly usedAssertions: UsedOnce;
  readonly rateLimits: RateLimits;
  readonly dpop: DpopProofs;
  /** They were let in by a configuration of their time, and stay until they end or the gateway does. */
  readonly tunnels: Tunnels;
  /** What configurations hand on to each other. */
  readonly parts: SharedParts;
}

export async function layFoundation(config: Pick<Config, 'store'>, log: Log): Promise<Foundation> {
  const metrics = createMetrics();
  const store = await openStore(config.store, (state, cause) => {
    log[state === 'up' ? 'info' : 'error']({ state, cause: cause && String(cause) }, 'store');
  });
  const revoked = new RevokedTokens(store, (error) => {
    log.error({ cause: String(error instanceof GatewayError ? error.cause : error) }, 'revoked tokens not read');
  });
  return {
    log,
    metrics,
    logAccess: createAccessLog(log, metrics),
    pace: createPace(),
    store,
    revoked,
    refusals: new RecentRefusals(),
    usedAssertions: new UsedOnce(store, 'client-assertion'),
    rateLimits: new RateLimits(store),
    dpop: createDpopProofs(store),
    tunnels: new Tunnels(),
    parts: new SharedParts(),
  };
}

/** The parts end before what they rest on. */
export async function closeFoundation({ tunnels, parts, revoked, store }: Foundation): Promise<void> {
  tunnels.close();
  await parts.close();
  revoked.close();
  await store.close();
}
