import type { IncomingMessage } from 'node:http';
import type { RouteConfig } from '../config/schema.ts';
import { valueAt } from '../dotted-path.ts';
import { GatewayError, toGatewayError } from '../errors.ts';
import { meetsRules } from '../guard/claim-rules.ts';
import { DEMANDS, type Demand, type Principal, refuseUnmet } from '../guard/guard.ts';
import type { GuardedRequest } from '../guard/presented-token.ts';
import { onlyReported } from '../guard/report-mode.ts';
import { senderOf } from '../limits/sender.ts';
import { describeCause } from '../observe/log.ts';
import { requestId } from '../observe/request-id.ts';
import type { Exchange } from '../proxy/exchange.ts';
import { declaresTooMuch } from '../proxy/forward.ts';
import { requestHeaders } from '../proxy/headers.ts';
import type { NearMiss } from '../routing/matcher.ts';
import { readRequestHead } from '../routing/request-head.ts';
import type { Decisions } from '../runtime.ts';
import { exchangeFor, guardedRequest } from '../steps.ts';
import { noWebSocketHere, refuseOtherProtocols } from '../upgrade.ts';

/** What would become of a request, and why. */
export interface Explanation {
  readonly outcome: 'forwarded' | 'refused' | 'answered by the gateway itself';
  /** What the caller would be told. */
  readonly refusal: GatewayError | undefined;
  /** What the caller would be told, if the route were not in report mode. */
  readonly wouldRefuse: GatewayError | undefined;
  readonly route: RouteConfig | undefined;
  readonly nearMisses: readonly NearMiss[];
  /** In the order in which they are made. Nothing is checked after a failure, but for what a route demands of a good token. */
  readonly checks: readonly Check[];
  readonly upstream: UpstreamRequest | undefined;
}

export interface Check {
  readonly name:
    | 'head'
    | 'certificate'
    | 'websocket'
    | 'route'
    | 'token'
    | Demand['name']
    | 'max_body'
    /** Of a request that there was: it ended at the upstream, or for what it is itself. */
    | 'upstream'
    | 'request';
  readonly passed: boolean;
  readonly detail: string;
}

export interface UpstreamRequest {
  readonly name: string;
  /** They take turns. */
  readonly targets: readonly string[];
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
}

/** All of a gateway that decides about a request. */
export type Deciding = Omit<Decisions, 'guard'> & { readonly endpoints: { has(path: string): boolean } };

/** Takes a request the way of app.ts and upgrade.ts, by the same functions, up to where it would be sent. */
export async function explainRequest(request: IncomingMessage, deciding: Deciding): Promise<Explanation> {
  const walk = new Walk(request, deciding);
  try {
    const outcome = await walk.run();
    return { outcome, refusal: undefined, ...walk.found };
  } catch (error) {
    return { outcome: 'refused', refusal: toGatewayError(error), ...walk.found };
  }
}

class Walk {
  readonly #request: IncomingMessage;
  readonly #deciding: Deciding;
  readonly #checks: Check[] = [];
  #route: RouteConfig | undefined;
  #nearMisses: readonly NearMiss[] = [];
  #upstream: UpstreamRequest | undefined;
  #wouldRefuse: GatewayError | undefined;

  constructor(request: IncomingMessage, deciding: Deciding) {
    this.#request = request;
    this.#deciding = deciding;
  }

  get found() {
    return {
      route: this.#route,
      nearMisses: this.#nearMisses,
      checks: this.#checks,
      upstream: this.#upstream,
      wouldRefuse: this.#wouldRefuse,
    };
  }

  /** @throws GatewayError where the request would be refused. */
  async run(): Promise<Exclude<Explanation['outcome'], 'refused'>> {
    const { trustedProxies, endpoints, matcher, upstreams } = this.#deciding;
    const request = this.#request;
    const sender = senderOf(request, trustedProxies);
    const { host, target } = await this.#check(
      'head',
      () => readRequestHead(request),
      ({ target }) => target.path,
    );
    const upgrades = isUpgrade(request);
    if (upgrades) await this.#check('websocket', () => refuseOtherProtocols(request));
    const shown = upgrades ? undefined : await this.#certificate(sender.isTrustedProxy);
    if (endpoints.has(target.path)) {
      if (upgrades) throw noWebSocketHere();
      return 'answered by the gateway itself';
    }
    const method = request.method ?? '';
    this.#nearMisses = matcher.nearMisses(host, target.path, method);
    const match = await this.#check(
      'route',
      () => matcher.match(host, target.path, method),
      ({ route }) => route.path,
    );
    this.#route = match.route;
    if (upgrades && !match.route.websocket) throw noWebSocketHere();
    const certificate = upgrades ? await this.#certificate(sender.isTrustedProxy) : shown;
    const id = requestId(request.headers['x-request-id']);
    const caller = { requestId: id, address: sender.address, certificate, client: undefined, subject: undefined };
    const principal = await this.#authorize(guardedRequest(request, target, caller), match.route);
    const exchange = exchangeFor({ sender, caller, target, match, principal }, upstreams);
    if (!upgrades) await this.#check('max_body', () => refuseTooLarge(request, exchange));
    this.#upstream = upstreamRequest(request, exchange);
    return 'forwarded';
  }

  #certificate(isFromTrustedProxy: boolean) {
    const { clientCertificates } = this.#deciding;
    return this.#check(
      'certificate',
      () => clientCertificates.of(this.#request, isFromTrustedProxy),
      (certificate) => certificate?.x509.subject,
    );
  }

  async #authorize(request: GuardedRequest, route: RouteConfig): Promise<Principal | undefined> {
    const { onlooker } = this.#deciding;
    if (route.public) {
      this.#checks.push({ name: 'token', passed: true, detail: 'the route is public: none is looked at' });
      return undefined;
    }
    let principal: Principal | undefined;
    try {
      principal = await this.#check('token', () => onlooker.authenticate(request, route), describePrincipal);
      this.#checks.push(...demandsOn(principal, route));
      refuseUnmet(principal, route);
    } catch (thrown) {
      this.#wouldRefuse = onlyReported(thrown, route);
    }
    return principal;
  }

  /** Notes how the check ended. One that passed and has nothing to say is not worth a line. */
  async #check<Result>(
    name: Check['name'],
    act: () => Result | Promise<Result>,
    describe: (result: Result) => string | undefined = () => undefined,
  ): Promise<Result> {
    try {
      const result = await act();
      const detail = describe(result);
      if (detail !== undefined) this.#checks.push({ name, passed: true, detail });
      return result;
    } catch (error) {
      this.#checks.push(failed(name, toGatewayError(error)));
      throw error;
    }
  }
}

export function failed(name: Check['name'], { description, cause }: GatewayError): Check {
  return { name, passed: false, detail: [description, describeCause(cause)].filter(Boolean).join(' ') };
}

export function demandsOn(principal: Principal, route: RouteConfig): Check[] {
  return DEMANDS.flatMap(({ name, isMet }) => {
    const detail = DETAILS[name](principal, route);
    return detail === undefined ? [] : [{ name, passed: isMet(principal, route), detail }];
  });
}

/** As Node's server tells an upgrade from other requests. */
function isUpgrade({ headers }: IncomingMessage): boolean {
  return headers.upgrade !== undefined && /(?:^|,)\s*upgrade\s*(?:,|$)/i.test(headers.connection ?? '');
}

function refuseTooLarge(request: IncomingMessage, exchange: Exchange): void {
  if (declaresTooMuch(request, exchange)) throw new GatewayError('content_too_large');
}

export function describePrincipal({ subject, clientId, claims }: Principal): string {
  return `${subject}${clientId === undefined ? '' : ` through the client ${clientId}`}, by ${claims.iss}`;
}

/** What a route demands, and what of it there is; undefined where it demands nothing. */
const DETAILS: Readonly<Record<Demand['name'], (principal: Principal, route: RouteConfig) => string | undefined>> = {
  scopes({ scope }, { scopes, any_scope }) {
    if (scopes.length + any_scope.length === 0) return undefined;
    const lacking = scopes.filter((required) => !scope.has(required));
    const needs = [...scopes, ...(any_scope.length > 0 ? [`one of ${any_scope.join(', ')}`] : [])].join(' and ');
    const lacks = lacking.length > 0 ? `; lacks ${lacking.join(' ')}` : '';
    return `needs ${needs}; has ${[...scope].join(' ') || 'none'}${lacks}`;
  },
  require({ claims }, { require }) {
    const rules = Object.entries(require).map(([claim, accepted]) => {
      const verdict = meetsRules(claims, { [claim]: accepted }) ? 'is' : 'is not';
      return `${claim} ${verdict} ${accepted.join(' or ')}: ${JSON.stringify(valueAt(claims, claim)) ?? 'missing'}`;
    });
    return rules.length > 0 ? rules.join('; ') : undefined;
  },
};

function upstreamRequest(request: IncomingMessage, exchange: Exchange): UpstreamRequest {
  const { upstream, path } = exchange;
  const targets = upstream.targets.map(({ url }) => url);
  const carried = exchange.claims?.carry === undefined ? undefined : hiddenSession(upstream.headers.carried);
  const flat = requestHeaders(request, { ...exchange, carried }, upstream.headers, targets[0]?.host ?? '');
  const headers = flat.flatMap((name, index) =>
    index % 2 === 0 ? [[name, hideToken(name, flat[index + 1] ?? '')] as const] : [],
  );
  return {
    name: upstream.name,
    targets: targets.map(({ origin }) => origin),
    method: request.method ?? '',
    path,
    headers,
  };
}

/** A session is not even opened for it. */
function hiddenSession(names: readonly string[]): Exchange['carried'] {
  return Object.fromEntries(names.map((name) => [name, '...']));
}

/** An explanation is made to be shown around. */
function hideToken(name: string, value: string): string {
  return name.toLowerCase() === 'authorization' ? value.replace(/ .*/, ' ...') : value;
}
