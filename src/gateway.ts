import type { AddressInfo } from 'node:net';
import type Koa from 'koa';
import { createApp } from './app.ts';
import type { Check } from './config/check.ts';
import { loadConfig } from './config/load.ts';
import type { Config } from './config/schema.ts';
import { GatewayError } from './errors.ts';
import { Guard } from './guard/guard.ts';
import { trustedProxies } from './limits/client-address.ts';
import { LoginLimits } from './limits/login-limits.ts';
import { Listener } from './listener.ts';
import { createEndpoints } from './oauth/endpoints.ts';
import { createAccessLog } from './observe/access-log.ts';
import { AdminListener } from './observe/admin-listener.ts';
import { createLog, type Log } from './observe/log.ts';
import { createMetrics, type Metrics } from './observe/metrics.ts';
import { Tunnels } from './proxy/tunnel.ts';
import { Upstreams } from './proxy/upstreams.ts';
import { conflictingRoutes } from './routing/conflicts.ts';
import { createMatcher } from './routing/matcher.ts';
import type { Runtime } from './runtime.ts';
import type { AppState } from './steps.ts';
import { openStore } from './store/open.ts';
import type { Store } from './store/store.ts';
import { RefreshFamilies } from './tokens/refresh-families.ts';
import { SigningKeys } from './tokens/signing-keys.ts';
import { TokenVerifier } from './tokens/verify.ts';
import { createUpgradeListener } from './upgrade.ts';
import { HashPool } from './users/password-hash/hash-pool.ts';
import { hashProblem } from './users/password-hash/schemes.ts';
import { openUserStores, type UserStores } from './users/user-stores.ts';

/** Where a gateway listens: with the ports that were taken where the configuration says 0. */
export interface Listening {
  readonly address: AddressInfo;
  readonly adminAddress: AddressInfo;
}

/** Reads gateway.yaml and everything in it that can be checked without running it. @throws ConfigError. */
export function readConfig(file: string): Config {
  return loadConfig(file, [({ routes }) => (routes ? conflictingRoutes(routes) : []), unusableSecretHashes]);
}

const unusableSecretHashes: Check = ({ clients = [] }, locate) =>
  clients.flatMap(({ secret_hash }, index) => {
    const problem = secret_hash && hashProblem(secret_hash);
    return problem ? [{ position: locate(['clients', index, 'secret_hash']), message: problem }] : [];
  });

/**
 * The composition root: makes a gateway of a configuration. Nothing listens yet.
 *
 * @throws Error when a file that the configuration names cannot be used.
 */
export async function createGateway(config: Config, log: Log = createLog(config.log)): Promise<Gateway> {
  const hashes = new HashPool(config.login_limits);
  const users = await openUserStores(config.users, config.directory, hashes, (problem, details) => {
    log.warn(details, problem);
  });
  const store = openStore(config.store, (state, cause) => {
    log[state === 'up' ? 'info' : 'error']({ state, cause: cause && String(cause) }, 'store');
  });
  const keys = new SigningKeys(config.tokens.signing, config.directory, store);
  try {
    await keys.load();
  } catch (error) {
    // A store that is out is no bad configuration: it is asked again.
    if (!(error instanceof GatewayError)) throw error;
    log.error({ cause: String(error.cause) }, 'signing keys not loaded yet');
  }
  return new Gateway(config, log, { hashes, users, store, keys });
}

/** What is opened from outside, and has to be closed. */
interface Resources {
  readonly hashes: HashPool;
  readonly users: UserStores;
  readonly store: Store;
  readonly keys: SigningKeys;
}

export class Gateway {
  /** Takes every request but WebSocket upgrades; it can be mounted in another Koa app. */
  readonly app: Koa<AppState>;
  readonly #config: Config;
  readonly #log: Log;
  readonly #resources: Resources;
  readonly #runtime: Runtime;
  readonly #listener: Listener;
  readonly #admin: AdminListener;
  #accepting = false;

  constructor(config: Config, log: Log, resources: Resources) {
    const metrics = createMetrics();
    const { store, keys } = resources;
    this.#config = config;
    this.#log = log;
    this.#resources = resources;
    this.#runtime = createRuntime(config, log, metrics, resources);
    this.app = createApp(this.#runtime);
    this.#listener = new Listener(config.listen, this.app.callback(), createUpgradeListener(this.#runtime));
    this.#admin = new AdminListener(config.admin, {
      log,
      metrics,
      isReady: async () => this.#accepting && (await succeeds(keys.load())),
      beforeMetrics: async () => metrics.storeUp.set((await succeeds(store.ping())) ? 1 : 0),
    });
  }

  /** @throws NodeJS.ErrnoException such as EADDRINUSE. */
  async listen(): Promise<Listening> {
    const address = await this.#listener.listen(this.#config.listen.address);
    const adminAddress = await this.#admin.listen();
    this.#accepting = true;
    this.#log.info({ address: printable(address), admin: printable(adminAddress) }, 'listening');
    return { address, adminAddress };
  }

  /** Not ready from now on; answers what was asked within `listen.shutdown_grace`, and closes all that was opened. */
  async close(): Promise<void> {
    this.#accepting = false;
    this.#log.info('draining');
    await this.#listener.drain(this.#config.listen.shutdown_grace);
    const { tunnels, upstreams } = this.#runtime;
    tunnels.close();
    await upstreams.destroy();
    const { users, hashes, store } = this.#resources;
    await Promise.all([users.close(), hashes.close(), store.close(), this.#admin.close()]);
    this.#log.info('stopped');
  }
}

function createRuntime(config: Config, log: Log, metrics: Metrics, resources: Resources): Runtime {
  const { hashes, users, store, keys } = resources;
  const limits = new LoginLimits(store, config.login_limits);
  const families = new RefreshFamilies(store);
  const tokens = new TokenVerifier(config.tokens, keys);
  return {
    trustedProxies: trustedProxies(config.listen.trusted_proxies),
    logAccess: createAccessLog(log, metrics),
    endpoints: createEndpoints({ config, users, hashes, limits, families, keys, tokens, log, metrics }),
    matcher: createMatcher(config.routes),
    guard: new Guard(tokens),
    upstreams: new Upstreams(config.upstreams),
    tunnels: new Tunnels(),
  };
}

function succeeds(asked: Promise<unknown>): Promise<boolean> {
  return asked.then(
    () => true,
    () => false,
  );
}

function printable({ address, port, family }: AddressInfo): string {
  return family === 'IPv6' ? `[${address}]:${port}` : `${address}:${port}`;
}
