import type { AddressInfo } from 'node:net';
import type Koa from 'koa';
import { advice } from './advice.ts';
import { createApp } from './app.ts';
import type { Check } from './config/check.ts';
import { loadConfig } from './config/load.ts';
import type { Config } from './config/schema.ts';
import { GatewayError, withCause } from './errors.ts';
import { LoginLimits } from './limits/login-limits.ts';
import { RateLimits } from './limits/rate-limits.ts';
import { Listener } from './listener.ts';
import { checkNamedFiles } from './named-files.ts';
import { createEndpoints } from './oauth/endpoints.ts';
import { createSessionRoutes } from './oauth/session-routes.ts';
import { createAccessLog } from './observe/access-log.ts';
import { AdminListener, type AdminRoute } from './observe/admin-listener.ts';
import { createHealthRoutes } from './observe/health-routes.ts';
import { createLog, describeCause, type Log } from './observe/log.ts';
import { createMetrics, type Metrics } from './observe/metrics.ts';
import { createUserStoreEvents } from './observe/user-store-events.ts';
import { Tunnels } from './proxy/tunnel.ts';
import { conflictingRoutes } from './routing/conflicts.ts';
import { createDecisions, type Runtime } from './runtime.ts';
import type { AppState } from './steps.ts';
import { openStore } from './store/open.ts';
import type { Store } from './store/store.ts';
import { CertificateFiles } from './tls/certificate-files.ts';
import { parseDistinguishedName } from './tls/distinguished-name.ts';
import { tlsOptions } from './tls/server.ts';
import { createDpopProofs } from './tokens/dpop-proofs.ts';
import { openKeySource } from './tokens/open-key-source.ts';
import { RefreshFamilies } from './tokens/refresh-families.ts';
import { RevokedTokens } from './tokens/revoked-tokens.ts';
import { Sessions } from './tokens/sessions.ts';
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
  return loadConfig(file, [...checks(), ...advice]);
}

/** As `readConfig`, and opens the files that it names, which a gateway does when it is made. @throws ConfigError. */
export function checkConfig(file: string): Config {
  return loadConfig(file, [...checks(), ...advice, ...checkNamedFiles]);
}

const checks = (): readonly Check[] => [
  ({ routes }) => (routes ? conflictingRoutes(routes) : []),
  unusableSecretHashes,
  unreadableNames,
];

const unusableSecretHashes: Check = ({ clients = [] }, locate) =>
  clients.flatMap(({ secret_hash }, index) => {
    const problem = secret_hash && hashProblem(secret_hash);
    return problem ? [{ position: locate(['clients', index, 'secret_hash']), message: problem }] : [];
  });

const unreadableNames: Check = ({ clients = [] }, locate) =>
  clients.flatMap(({ tls_subject_dn }, index) => {
    if (tls_subject_dn === undefined || parseDistinguishedName(tls_subject_dn)) return [];
    const message = 'expected a distinguished name such as CN=app,O=Example (RFC 4514), with known types or OIDs';
    return [{ position: locate(['clients', index, 'tls_subject_dn']), message }];
  });

/**
 * The composition root: makes a gateway of a configuration. Nothing listens yet.
 *
 * @throws Error when a file that the configuration names cannot be used.
 */
export async function createGateway(config: Config, log: Log = createLog(config.log)): Promise<Gateway> {
  for (const { position, message, code } of config.warnings) log.warn({ ...position, code }, message);
  const certificates = await CertificateFiles.open(config.listen, config.directory, log);
  const metrics = createMetrics();
  const hashes = new HashPool(config.login_limits);
  const store = openStore(config.store, (state, cause) => {
    log[state === 'up' ? 'info' : 'error']({ state, cause: cause && String(cause) }, 'store');
  });
  const events = createUserStoreEvents(log, metrics);
  const users = await openUserStores(config.users, config.directory, { hashes, store, events }).catch(async (error) => {
    await store.close();
    throw error;
  });
  const keys = new SigningKeys(openKeySource(config, store), config.tokens.signing.overlap, {
    onChange: ({ signing, byId }) => log.info({ signing: signing.kid, published: [...byId.keys()] }, 'signing keys'),
    onProblem: (error) => log.error({ cause: withCause(error) }, 'signing keys not read again'),
  });
  const revoked = openRevokedTokens(config, store, log);
  const resources = { certificates, hashes, users, store, keys, revoked };
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
  await revoked.follow();
  return new Gateway(config, log, metrics, resources);
}

function openRevokedTokens({ tokens, clients }: Config, store: Store, log: Log): RevokedTokens {
  const lifetimesMs = clients.map((client) => client.access_token_ttl ?? tokens.access_token_ttl);
  const rules = { issuer: tokens.issuer, longestLifetimeMs: Math.max(...lifetimesMs) };
  return new RevokedTokens(store, rules, (error) => {
    log.error({ cause: String(error instanceof GatewayError ? error.cause : error) }, 'revoked tokens not read');
  });
}

/** What is opened from outside, and has to be closed. */
interface Resources {
  readonly certificates: CertificateFiles;
  readonly hashes: HashPool;
  readonly users: UserStores;
  readonly store: Store;
  readonly keys: SigningKeys;
  readonly revoked: RevokedTokens;
}

async function closeAll({ certificates, keys, revoked, users, hashes, store }: Resources): Promise<void> {
  certificates.close();
  revoked.close();
  await keys.close();
  // What they still do beside logins needs the others.
  await users.close();
  await Promise.all([hashes.close(), store.close()]);
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

  constructor(config: Config, log: Log, metrics: Metrics, resources: Resources) {
    this.#config = config;
    this.#log = log;
    this.#resources = resources;
    const families = new RefreshFamilies(resources.store, resources.revoked);
    this.#runtime = createRuntime(config, log, metrics, resources, families);
    this.app = createApp(this.#runtime);
    const { logAccess } = this.#runtime;
    this.#listener = new Listener(config.listen, {
      tls: tlsOptions(config, resources.certificates.secureContext),
      onRequest: this.app.callback(),
      onUpgrade: createUpgradeListener(this.#runtime),
      onRefused: ({ error, ...refusal }) => {
        logAccess({ ...refusal, status: error.status, error: error.code, cause: error.cause });
      },
      onDropped: () => metrics.droppedConnections.inc(),
    });
    resources.certificates.watch((context) => this.#listener.useCertificates(context));
    const routes = [
      ...this.#healthRoutes(metrics),
      ...createSessionRoutes(new Sessions(families, resources.store), log),
    ];
    this.#admin = new AdminListener(config.admin, routes, log);
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

  #healthRoutes(metrics: Metrics): readonly AdminRoute[] {
    const { store, keys, revoked } = this.#resources;
    return createHealthRoutes({
      metrics,
      isReady: async () => this.#accepting && revoked.isKnown && (await succeeds(keys.load())),
      beforeMetrics: async () => metrics.storeUp.set((await succeeds(store.ping())) ? 1 : 0),
    });
  }
}

function createRuntime(
  config: Config,
  log: Log,
  metrics: Metrics,
  { certificates, hashes, users, store, keys, revoked }: Resources,
  families: RefreshFamilies,
): Runtime {
  const limits = new LoginLimits(store, config.login_limits);
  const usedAssertions = new UsedOnce(store, 'client-assertion');
  const rateLimits = new RateLimits(store);
  const tokens = createTokenVerifier(config, keys, revoked, (issuer, cause) => {
    log.warn({ issuer, cause: describeCause(cause) }, 'keys of a trusted issuer not fetched');
  });
  const dpop = createDpopProofs(store);
  const state = { limits, rateLimits, families, revoked, usedAssertions };
  return {
    ...createDecisions(config, { tokens, dpop, authorities: () => certificates.authorities }),
    logAccess: createAccessLog(log, metrics),
    endpoints: createEndpoints({ config, users, hashes, keys, tokens, dpop, ...state, log, metrics }),
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
