import { LRUCache } from 'lru-cache';
import { type ErrorCode, GatewayError } from '../errors.ts';
import type { Matcher } from '../routing/matcher.ts';
import type { RefusedRequest } from '../runtime.ts';
import { documentOfTold, type ExplanationDocument, type Refusal, refusalOf } from './document.ts';
import { type Check, demandsOn, describePrincipal, failed } from './explain.ts';

const MOST_REFUSALS = 1000;
/** Of all that is kept; in memory a character takes a byte, or two. */
const MOST_CHARACTERS = 1024 ** 2;
/** Of each text that is kept. */
const LONGEST_TEXT = 1024;

interface Kept extends Omit<RefusedRequest, 'principal' | 'error' | 'wouldRefuse'> {
  readonly refusal: Refusal | undefined;
  readonly wouldRefuse: Refusal | undefined;
  readonly atMs: number;
  readonly checks: readonly Check[];
  /** The routes of then, as long as requests go by them: a reload is not kept from forgetting them. */
  readonly matcher: WeakRef<Matcher>;
}

/**
 * The last requests that were refused, to be explained when somebody asks why. Neither queries nor headers are kept, and
 * so no token. Whoever floods the gateway with refusals pushes others out of this memory, and makes it no larger.
 */
export class RecentRefusals {
  readonly #kept = new LRUCache<string, Kept>({
    max: MOST_REFUSALS,
    maxSize: MOST_CHARACTERS,
    sizeCalculation: ({ host = '', path = '', checks }, id) =>
      [id, host, path, ...checks.map(({ detail }) => detail)].reduce((sum, text) => sum + text.length, LONGEST_TEXT),
  });

  /** What notes the refusals of one configuration. It is called while the caller waits: near misses are left for later. */
  recorder(matcher: Matcher): (refused: RefusedRequest) => void {
    const routes = new WeakRef(matcher);
    return ({ principal, error, wouldRefuse, ...refused }) => {
      this.#kept.set(refused.requestId, {
        ...refused,
        refusal: error && refusalOf(error),
        wouldRefuse: wouldRefuse && refusalOf(wouldRefuse),
        host: refused.host && ownCopy(refused.host),
        path: refused.path && ownCopy(refused.path),
        atMs: Date.now(),
        checks: checksOf({ principal, error, wouldRefuse, ...refused }),
        matcher: routes,
      });
    };
  }

  /** @throws GatewayError `not_found` for a request that was not refused, or that too many came after. */
  explain(requestId: string): ExplanationDocument {
    const kept = this.#kept.get(requestId);
    if (kept === undefined) {
      throw new GatewayError('not_found', { description: 'No recent refusal has this request id.' });
    }
    const { method = '(unread)', host, path, route, checks, refusal, wouldRefuse } = kept;
    const nearMisses = (path && kept.matcher.deref()?.nearMisses(host, path, method)) || [];
    const outcome = refusal === undefined ? 'forwarded' : 'refused';
    return documentOfTold(
      { outcome, refusal, wouldRefuse, route, nearMisses, checks, upstream: undefined },
      {
        request: [method, host && `http://${host}`].filter(Boolean).join(' ') + (path ?? ''),
        request_id: requestId,
        time: new Date(kept.atMs).toISOString(),
        unchecked: [],
      },
    );
  }
}

/** Where a request fails with these errors; all others are about the request itself. */
const FAILED_AT: Partial<Record<ErrorCode, Check['name']>> = {
  not_found: 'route',
  method_not_allowed: 'route',
  upgrade_required: 'websocket',
  unauthorized: 'token',
  invalid_token: 'token',
  invalid_dpop_proof: 'token',
  use_dpop_nonce: 'token',
  content_too_large: 'max_body',
  bad_gateway: 'upstream',
  gateway_timeout: 'upstream',
};

/** What was checked on its way, as an explanation of the request beforehand has it. */
function checksOf({ path, route, principal, error, wouldRefuse }: RefusedRequest): Check[] {
  const passed = (name: Check['name'], detail: string): Check => ({ name, passed: true, detail });
  const checks = [
    ...(path === undefined ? [] : [passed('head', path)]),
    ...(route === undefined ? [] : [passed('route', route.path)]),
    ...(principal === undefined ? [] : [passed('token', describePrincipal(principal))]),
    ...(principal === undefined || route === undefined ? [] : demandsOn(principal, route)),
    ...[wouldRefuse, error].flatMap((refusal) => (refusal === undefined ? [] : verdictOf(refusal))),
  ];
  return checks.map((check) => ({ ...check, detail: ownCopy(check.detail) }));
}

/** Of scopes and rules, the demands have told. */
function verdictOf(error: GatewayError): Check[] {
  if (error.code === 'insufficient_scope' || error.code === 'access_denied') return [];
  return [failed(FAILED_AT[error.code] ?? 'request', error)];
}

/** A part of a text keeps the whole of it in memory, and a path is a part of the request's head. */
function ownCopy(text: string): string {
  return Buffer.from(text.slice(0, LONGEST_TEXT)).toString();
}
