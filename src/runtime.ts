import type { Guard } from './guard/guard.ts';
import type { TrustedProxies } from './limits/client-address.ts';
import type { Endpoint } from './oauth/endpoint.ts';
import type { AnsweredRequest } from './observe/access-log.ts';
import type { Tunnels } from './proxy/tunnel.ts';
import type { Upstreams } from './proxy/upstreams.ts';
import type { Matcher } from './routing/matcher.ts';
import type { ClientCertificates } from './tls/client-certificates.ts';

/** All that a request meets on its way, made from one configuration and never changed. */
export interface Runtime {
  readonly trustedProxies: TrustedProxies;
  readonly clientCertificates: ClientCertificates;
  readonly logAccess: (request: AnsweredRequest) => void;
  /** What the gateway answers itself, by path. */
  readonly endpoints: ReadonlyMap<string, Endpoint>;
  readonly matcher: Matcher;
  readonly guard: Guard;
  readonly upstreams: Upstreams;
  readonly tunnels: Tunnels;
}
