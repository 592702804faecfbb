import { describeCause, type Log } from './log.ts';
import type { Metrics } from './metrics.ts';

/** What happens in user stores beside the answers to logins. */
export interface UserStoreEvents {
  /** Something went wrong, and a login went on nevertheless. */
  readonly warn: (problem: string, details: { readonly store: string; readonly cause: string }) => void;
  readonly upgraded: (upgrade: HashUpgrade) => void;
  readonly shadowed: (login: ShadowLogin) => void;
}

/** A weak hash was to be replaced by a strong one. */
export interface HashUpgrade {
  readonly store: string;
  readonly username: string;
  /** The names of both schemes. */
  readonly from: string;
  readonly to: string;
  /** Dropped: too many waited already. */
  readonly outcome: 'upgraded' | 'failed' | 'dropped';
  readonly cause?: unknown;
}

/** A login was checked against a second store too. */
export interface ShadowLogin {
  readonly store: string;
  readonly shadow: string;
  readonly username: string;
  /** What `store` said: accepted, rejected or unknown. */
  readonly verdict: string;
  /** What `shadow` said; undefined when it said nothing. */
  readonly shadowVerdict?: string | undefined;
  readonly outcome: 'agree' | 'disagree_accepted' | 'disagree_rejected' | 'unavailable' | 'dropped';
  readonly cause?: unknown;
}

/** Counts them, and writes a line for each that somebody should look at. No password is ever in it. */
export function createUserStoreEvents(log: Log, metrics: Metrics): UserStoreEvents {
  return {
    warn: (problem, details) => log.warn(details, problem),

    upgraded({ store, username, from, to, outcome, cause }) {
      if (outcome === 'upgraded') metrics.hashUpgrades.inc({ from, to });
      else metrics.failedHashUpgrades.inc({ store, outcome });
      // Those that were dropped are many at once, and the counter tells.
      if (outcome === 'upgraded') log.info({ store, username, from, to }, 'password hash upgraded');
      if (outcome !== 'failed') return;
      log.warn({ store, username, from, to, cause: describeCause(cause) }, 'password hash not upgraded');
    },

    shadowed({ outcome, store, shadow, username, verdict, shadowVerdict, cause }) {
      metrics.shadowLogins.inc({ store, shadow, outcome });
      if (outcome === 'agree' || outcome === 'dropped') return;
      const verdicts = { verdict, shadow_verdict: shadowVerdict, cause: describeCause(cause) };
      log.warn({ outcome, store, shadow, username, ...verdicts }, 'shadow login');
    },
  };
}
