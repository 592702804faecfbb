import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';

export interface LoginEvent {
  readonly outcome: 'accepted' | 'rejected' | 'locked' | 'unavailable';
  readonly requestId: string;
  readonly client: string;
  readonly address: string;
  readonly username: string;
  /** The user store that decided; undefined where none did. */
  readonly store?: string | undefined;
  /** Why it refused somebody whom it knows, where that was not the password. The caller never learns it. */
  readonly reason?: string | undefined;
}

/** Every login leaves one line, whatever became of it, so that an attack and a locked-out user can both be seen. */
export function createLoginEvents(log: Log, metrics: Metrics): (event: LoginEvent) => void {
  return (event) => {
    metrics.logins.inc({ client: event.client, outcome: event.outcome });
    const { store, reason } = event;
    if (store && reason) metrics.refusals.inc({ store, reason });
    log[event.outcome === 'accepted' ? 'info' : 'warn'](
      {
        outcome: event.outcome,
        request_id: event.requestId,
        client: event.client,
        address: event.address,
        // Cut, for a name can be as long as the form allows.
        username: event.username.slice(0, 256),
        store,
        reason,
      },
      'login',
    );
  };
}
