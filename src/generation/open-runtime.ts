import { longestAccessTokenTtl, longestTokenTtl } from '../config/check-signing.ts';
import type { Config } from '../config/schema.ts';
import { GatewayError, withCause } from '../errors.ts';
import type { Lease } from '../lease.ts';
import { LoginLimits } from '../limits/login-limits.ts';
import { CarriedLogout } from '../oauth/carried-logout.ts';
import { clientOrigin, createClientAuthentication, createEndpoints } from '../oauth/endpoints.ts';
import { describeCause } from '../observe/log.ts';
import { createUserStoreEvents } from '../observe/user-store-events.ts';
import { Upstream, Upstreams, upstreamsOf } from '../proxy/upstreams.ts';
import { createDecisions, type Runtime } from '../runtime.ts';
import { type Certificates, readCertificates } from '../tls/certificate-files.ts';
import { CarriedSessions } from '../tokens/carried-sessions.ts';
import { openKeySource } from '../tokens/open-key-source.ts';
import { RefreshFamilies } from '../tokens/refresh-families.ts';
import { Sessions } from '../tokens/sessions.ts';
import { SigningKeys } from '../tokens/signing-keys.ts';
import { createTokenVerifier } from '../tokens/verify.ts';
import { HashPool } from '../users/password-hash/hash-pool.ts';
import { openUserStores } from '../users/user-stores.ts';
import type { Foundation } from './foundation.ts';

/** What a request meets, and what its listener and operators ask for beside it. */
export interface OpenRuntime {
  readonly runtime: Runtime;
  readonly certificates: Certificates;
  readonly keys: SigningKeys;
  readonly sessions: Sessions;
}

/**
 * Opens what a configuration needs, but for what an earlier one has opened in the same way: `lease` holds both.
 *
 * @param lease ended by the caller, also when this throws
 * @throws Error when a file that the configuration names cannot be used.
 */
export async function openRuntime(config: Config, foundation: Foundation, lease: Lease): Promise<OpenRuntime> {
  const { log, metrics, logAccess, store, revoked, refusals, usedAssertions, rateLimits, dpop, tunnels, pace } =
    foundation;
  revoked.expect(longestAccessTokenTtl(config));
  const certificates = readCertificates(config.listen, config.directory);
  const hashes = await openHashPool(config, lease);
  const events = createUserStoreEvents(log, metrics);
  const users = await openUserStores(config.users, config.directory, { hashes, store, events, lease });
  const keys = await openSigningKeys(config, foundation, lease);
  const tokens = await openTokenVerifier(config, keys, foundation, lease);
  const upstreams = await openUpstreams(config, lease);
  const limits = await lease.open(
    { name: 'login limits', config: config.login_limits },
    () => new LoginLimits(store, config.login_limits),
  );
  // What it knows of clients is the keys that it has fetched for them.
  const origin = clientOrigin(config);
  const clients = await lease.open({ name: 'clients', config: origin, uses: [limits, hashes] }, () =>
    createClientAuthentication(origin, { limits, hashes, usedAssertions, log }),
  );
  const carried = await openCarriedSessions(config, foundation, lease);
  const carriedLogout = new CarriedLogout(carried, users, log);
  const families = new RefreshFamilies(store, revoked, (grant) => carriedLogout.ofFamily(grant));
  const ofTokens = { families, revoked, carried, carriedLogout, keys, tokens, dpop };
  const decisions = createDecisions(config, { tokens, dpop, upstreams, authorities: certificates.authorities });
  const runtime = {
    ...decisions,
    logAccess,
    noteRefusal: refusals.recorder(decisions.matcher),
    endpoints: createEndpoints({ config, clients, users, limits, rateLimits, ...ofTokens, pace, log, metrics }),
    tunnels,
    pace,
    carried,
  };
  return { runtime, certificates, keys, sessions: new Sessions(families, store) };
}

function openHashPool({ login_limits: { concurrent_checks, queue } }: Config, lease: Lease): Promise<HashPool> {
  const bounds = { concurrent_checks, queue };
  return lease.open(
    { name: 'hash pool', config: bounds },
    () => new HashPool(bounds),
    (hashes) => hashes.close(),
  );
}

async function openSigningKeys(config: Config, { store, log }: Foundation, lease: Lease): Promise<SigningKeys> {
  const { tokens, directory } = config;
  const keys = await lease.open(
    { name: 'signing keys', config: { directory, signing: tokens.signing, tokensLiveMs: longestTokenTtl(config) } },
    () =>
      new SigningKeys(openKeySource(config, store), tokens.signing.overlap, {
        onChange: ({ signing, byId }) =>
          log.info({ signing: signing.kid, published: [...byId.keys()] }, 'signing keys'),
        onProblem: (error) => log.error({ cause: withCause(error) }, 'signing keys not read again'),
      }),
    (opened) => opened.close(),
  );
  try {
    await keys.open();
  } catch (error) {
    // A store that is out is no bad configuration: it is asked again.
    if (!(error instanceof GatewayError)) throw error;
    if (keys.loaded === undefined) log.error({ cause: String(error.cause) }, 'signing keys not loaded yet');
  }
  return keys;
}

/** It remembers verdicts, which stand as long as all that they rest on: issuers, their keys, and what tokens are for. */
function openTokenVerifier(config: Config, keys: SigningKeys, { revoked, log }: Foundation, lease: Lease) {
  const taken = config.routes.map(({ issuers, audience }) => ({ issuers, audience }));
  return lease.open({ name: 'token verifier', config: { tokens: config.tokens, taken }, uses: [keys] }, () =>
    createTokenVerifier(config, keys, revoked, (issuer, cause) => {
      log.warn({ issuer, cause: describeCause(cause) }, 'keys of a trusted issuer not fetched');
    }),
  );
}

/** Nothing in it can be opened with another secret than it was sealed with, so it is made anew for another. */
function openCarriedSessions({ tokens }: Config, { store }: Foundation, lease: Lease): Promise<CarriedSessions> {
  const { issuer, signing } = tokens;
  return lease.open(
    { name: 'carried sessions', config: { issuer, encryptionKey: signing.encryption_key } },
    () => new CarriedSessions(store, tokens),
  );
}

async function openUpstreams(config: Config, lease: Lease): Promise<Upstreams> {
  const opened = upstreamsOf(config).map((origin) =>
    lease.open(
      { name: `upstream ${origin.name}`, config: origin },
      () => new Upstream(origin),
      (upstream) => upstream.close(),
    ),
  );
  return new Upstreams(await Promise.all(opened));
}
