import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

export type Metrics = ReturnType<typeof createMetrics>;

/**
 * What Prometheus reads at `/metrics`. Labels have few values: routes are named by their pattern, never by a path,
 * and users not at all.
 */
export function createMetrics() {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  return {
    registry,
    requests: new Counter({
      name: 'postern_requests_total',
      help: 'Requests answered, by route, method and status.',
      labelNames: ['route', 'method', 'status'],
      registers,
    }),
    duration: new Histogram({
      name: 'postern_request_duration_seconds',
      help: 'Time from the request head to the end of the response, by route.',
      labelNames: ['route'],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
      registers,
    }),
    wouldRefuse: new Counter({
      name: 'postern_would_refuse_total',
      help: 'Requests that a route in report mode has let pass, by route and the error that would have been told.',
      labelNames: ['route', 'error'],
      registers,
    }),
    logins: new Counter({
      name: 'postern_logins_total',
      help: 'Password logins, by client and outcome: accepted, rejected, locked, unavailable. The password grant is deprecated; this shows who still needs it.',
      labelNames: ['client', 'outcome'],
      registers,
    }),
    refusals: new Counter({
      name: 'postern_logins_refused_total',
      help: 'Logins that a user store refused for another reason than the password, by store and reason: disabled, locked, account_expired, password_expired, must_change_password, restricted.',
      labelNames: ['store', 'reason'],
      registers,
    }),
    hashUpgrades: new Counter({
      name: 'postern_password_hash_upgrades_total',
      help: 'Weak password hashes that were replaced at a login, by scheme before and after.',
      labelNames: ['from', 'to'],
      registers,
    }),
    failedHashUpgrades: new Counter({
      name: 'postern_password_hash_upgrades_failed_total',
      help: 'Weak password hashes that were not replaced at a login, by user store and outcome: failed, dropped. The next login tries again.',
      labelNames: ['store', 'outcome'],
      registers,
    }),
    shadowLogins: new Counter({
      name: 'postern_shadow_logins_total',
      help: 'Logins checked against a shadow too, by user store, shadow and outcome: agree, disagree_accepted and disagree_rejected (what the shadow said), unavailable, dropped.',
      labelNames: ['store', 'shadow', 'outcome'],
      registers,
    }),
    tokens: new Counter({
      name: 'postern_tokens_issued_total',
      help: 'Access tokens issued, by client and grant.',
      labelNames: ['client', 'grant'],
      registers,
    }),
    droppedConnections: new Counter({
      name: 'postern_connections_dropped_total',
      help: 'Connections that were closed unheard, by the limit of listen that they exceeded: max_connections, max_connections_per_address.',
      labelNames: ['limit'],
      registers,
    }),
    storeUp: new Gauge({
      name: 'postern_store_up',
      help: '1 if the store answered when this was read, else 0.',
      // Of several workers: whether it did for all.
      aggregator: 'min',
      registers,
    }),
  };
}

export type ReloadMetrics = ReturnType<typeof createReloadMetrics>;

/** Of the process that reads the configuration. */
export function createReloadMetrics(registry: Registry) {
  const registers = [registry];
  return {
    configReloaded: new Gauge({
      name: 'postern_config_last_reload_success',
      help: '1 if the last configuration that was read is in use, 0 if it was refused.',
      registers,
    }),
    configReloadedAt: new Gauge({
      name: 'postern_config_last_reload_success_timestamp_seconds',
      help: 'When the configuration in use was read, in seconds since 1970.',
      registers,
    }),
  };
}
