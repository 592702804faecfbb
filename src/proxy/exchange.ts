import type { Upstream } from './upstreams.ts';

/** What the rooms above have settled about one request before it is forwarded. */
export interface Exchange {
  readonly upstream: Upstream;
  /** The request target for the upstream: canonical, rewritten, with its query. */
  readonly path: string;
  readonly maxBodyBytes: number;
  /** The client's IP address, without brackets. */
  readonly clientAddress: string;
  /** The whole X-Forwarded-For: the chain that trusted proxies vouch for, then the peer. */
  readonly forwardedFor: string;
  readonly scheme: 'http' | 'https';
  readonly requestId: string;
  /** On public routes the client's Authorization is neither checked nor passed on. */
  readonly isPublic: boolean;
  /** What identity headers read; undefined where nobody was authenticated. */
  readonly claims: Readonly<Record<string, unknown>> | undefined;
  /** The session of the caller's login, for upstreams that get it. */
  readonly carried?: Readonly<Record<string, string>> | undefined;
}

/** How an exchange ended that can no longer be refused, because the response's head was written. */
export type Outcome =
  | { readonly outcome: 'complete' }
  /** The client left, or took nothing for as long as `idle_timeout`. No failure of the upstream. */
  | { readonly outcome: 'client_gone' }
  /** The upstream died or fell silent inside its body, or the request body outgrew `max_body`: the client was cut off. */
  | { readonly outcome: 'cut_short'; readonly cause: unknown };
