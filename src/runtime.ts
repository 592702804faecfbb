import type { Config, RouteConfig } from './config/schema.ts';
import type { GatewayError } from './errors.ts';
import { DpopGuard, publicOrigins } from './guard/dpop.ts';
import { Guard, type Principal } from './guard/guard.ts';
import { trustedProxies } from './limits/client-address.ts';
import { Senders } from './limits/sender.ts';
import type { Pace } from './limits/turns.ts';
import type { Endpoint } from './oauth/endpoint.ts';
import type { AnsweredRequest } from './observe/access-log.ts';
import type { Tunnels } from './proxy/tunnel.ts';
import type { Upstreams } from './proxy/upstreams.ts';
import { createMatcher, type Matcher } from './routing/matcher.ts';
import type { Authorities } from './tls/authorities.ts';
import { ClientCertificates } from './tls/client-certificates.ts';
import type { CarriedSessions } from './tokens/carried-sessions.ts';
import type { DpopProofs } from './tokens/dpop-proofs.ts';
import type { TokenVerifier } from './tokens/verify.ts';

/** All that a request meets on its way, made from one configuration and never changed. */
export interface Runtime {
  readonly senders: Senders;
  readonly clientCertificates: ClientCertificates;
  readonly logAccess: (request: AnsweredRequest) => void;
  /** Told of each request that ended in an error, or would have if its route were not in report mode. */
  readonly noteRefusal: (refused: RefusedRequest) => void;
  /** What the gateway answers itself, by path. */
  readonly endpoints: ReadonlyMap<string, Endpoint>;
  readonly matcher: Matcher;
  readonly guard: Guard;
  /** Decides as the guard does, and uses nothing up: no DPoP proof is spent. */
  readonly onlooker: Guard;
  readonly upstreams: Upstreams;
  readonly tunnels: Tunnels;
  readonly pace: Pace;
  readonly carried: CarriedSessions;
}

/** What decides about a request for an upstream. `postern explain` has this much of a gateway and no more. */
export type Decisions = Pick<
  Runtime,
  'senders' | 'clientCertificates' | 'matcher' | 'guard' | 'onlooker' | 'upstreams'
>;

/** A request that came to no good end, and what was known of it by then. */
export interface RefusedRequest {
  readonly requestId: string;
  readonly method: string | undefined;
  readonly host?: string | undefined;
  /** Canonical, without the query. */
  readonly path?: string | undefined;
  readonly route?: RouteConfig | undefined;
  readonly principal?: Principal | undefined;
  /** What the caller was told. */
  readonly error?: GatewayError | undefined;
  readonly wouldRefuse?: GatewayError | undefined;
}

export interface DecisionParts {
  readonly tokens: TokenVerifier;
  readonly dpop: DpopProofs;
  readonly upstreams: Upstreams;
  /** Those for certificates in a header. */
  readonly authorities: Authorities | undefined;
}

export function createDecisions(
  config: Pick<Config, 'listen' | 'tokens' | 'routes'>,
  { tokens, dpop, upstreams, authorities }: DecisionParts,
): Decisions {
  const { listen, routes } = config;
  const { tls, trusted_proxies, client_certificate_header: header } = listen;
  const origins = publicOrigins(config);
  return {
    senders: new Senders(trustedProxies(trusted_proxies)),
    clientCertificates: new ClientCertificates({
      header: header?.toLowerCase(),
      handshakeVerifies: tls?.client_ca_file !== undefined,
      authorities,
    }),
    matcher: createMatcher(routes),
    guard: new Guard(tokens, new DpopGuard(dpop, origins)),
    onlooker: new Guard(tokens, new DpopGuard(dpop.onlooker(), origins)),
    upstreams,
  };
}
