import type { AddressInfo } from 'node:net';
import type Koa from 'koa';
import { createApp } from './app.ts';
import type { Check } from './config/check.ts';
import { loadConfig } from './config/load.ts';
import type { Config } from './config/schema.ts';
import { GatewayError, withCause } from './errors.ts';
import { Guard } from './guard/guard.ts';
import { trustedProxies } from './limits/client-address.ts';
import { LoginLimits } from './limits/login-limits.ts';
import { Listener } from './listener.ts';
import { createEndpoints } from './oauth/endpoints.ts';
import { createAccessLog } from './observe/access-log.ts';
import { AdminListener } from './observe/admin-listener.ts';
import { createLog, describeCause, type Log } from './observe/log.ts';
import { createMetrics, type Metrics } from './observe/metrics.ts';
import { Tunnels } from './proxy/tunnel.ts';
import { Upstreams } from './proxy/upstreams.ts';
import { conflictingRoutes } from './routing/conflicts.ts';
import { createMatcher } from './routing/matcher.ts';
import type { Runtime } from './runtime.ts';
import type { AppState } from './steps.ts';
import { openStore } from './store/open.ts';
import type { Store } from './store/store.ts';
import { openKeySource } from './tokens/open-key-source.ts';
import { RefreshFamilies } from './tokens/refresh-families.ts';
import { SigningKeys } from './tokens/signing-keys.ts';
import { UsedOnce } from './tokens/used-once.ts';
import { createTokenVerifier } from './tokens/verify.ts';
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
  for (const { position, message, code } of config.warnings) log.warn({ ...position, code }, message);
  const hashes = new HashPool(config.login_limits);
  const onProblem = (error: Error) => log.warn({ cause: error.message }, 'users file not read again');
  const users = await openUserStores(config.users, config.directory, hashes, onProblem);
  const store = openStore(config.store, (state, cause) => {
    log[state === 'up' ? 'info' : 'error']({ state, cause: cause && String(cause) }, 'store');
  });
  const keys = new SigningKeys(openKeySource(config, store), config.tokens.signing.overlap, {
    onChange: ({ signing, byId }) => log.info({ signing: signing.kid, published: [...byId.keys()] }, 'signing keys'),
    onProblem: (error) => log.error({ cause: withCause(error) }, 'signing keys not read again'),
  });
  const resources = { hashes, users, store, keys };
  try {
    await keys.load();
  } catch (error) {
    // A store that is out is no bad configuration: it is asked again.
    if (!(error instanceof GatewayError)) {
      await closeAll(resources);
      throw error;
    }
    log.error({ cause: String(error.cause) }, 'signing keys not loaded yet');
  }
  return new Gateway(config, log, resources);
}

/** What is opened from outside, and has to be closed. */
interface Resources {
  readonly hashes: HashPool;
  readonly users: UserStores;
  readonly store: Store;
  readonly keys: SigningKeys;
}

async function closeAll({ keys, users, hashes, store }: Resources): Promise<void> {
  await keys.close();
  await Promise.all([users.close(), hashes.close(), store.close()]);
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
    const { logAccess } = this.#runtime;
    this.#listener = new Listener(config.listen, {
      onRequest: this.app.callback(),
      onUpgrade: createUpgradeListener(this.#runtime),
      onRefused: ({ error, ...refusal }) => {
        logAccess({ ...refusal, status: error.status, error: error.code, cause: error.cause });
      },
    });
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
    await Promise.all([closeAll(this.#resources), this.#admin.close()]);
    this.#log.info('stopped');
  }
}

function createRuntime(config: Config, log: Log, metrics: Metrics, resources: Resources): Runtime {
  const { hashes, users, store, keys } = resources;
  const limits = new LoginLimits(store, config.login_limits);
  const families = new RefreshFamilies(store);
  const usedAssertions = new UsedOnce(store, 'client-assertion');
  const tokens = createTokenVerifier(config, keys, (issuer, cause) => {
    log.warn({ issuer, cause: describeCause(cause) }, 'keys of a trusted issuer not fetched');
  });
  return {
    trustedProxies: trustedProxies(config.listen.trusted_proxies),
    logAccess: createAccessLog(log, metrics),
    endpoints: createEndpoints({ config, users, hashes, limits, families, keys, usedAssertions, tokens, log, metrics }),
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
