import { type ErrorCode, GatewayError } from '../errors.ts';
import type { Matcher } from '../routing/matcher.ts';
import type { RefusedRequest } from '../runtime.ts';
import { documentOf, type ExplanationDocument, missedRows } from './document.ts';
import { type Check, demandsOn, describePrincipal, failed } from './explain.ts';

const MOST_REFUSALS = 1000;
/** A refusal takes half a kilobyte, or a few of them. */
const MEMORY_BYTES = 1024 ** 2;
/** Of each text that is kept, in characters. */
const LONGEST_TEXT = 1024;

/** What is known of a request once it is over, as JSON in the memory. */
interface Note extends Pick<RefusedRequest, 'host' | 'path'> {
  readonly method: string;
  readonly document: ExplanationDocument;
}

interface Kept {
  readonly requestId: string;
  /** Where its note begins, of all bytes that were ever written. */
  readonly start: number;
  readonly bytes: number;
  /** The routes of then, as long as requests go by them: a reload is not kept from forgetting them. */
  readonly matcher: WeakRef<Matcher>;
}

/**
 * The last requests that were refused, to be explained when somebody asks why. Neither queries nor headers are kept, and
 * so no token. Whoever floods the gateway with refusals pushes others out of this memory, and makes it no larger.
 *
 * It is one piece of bytes, and not a thousand objects: in a flood, the garbage collector would move about little else.
 */
export class RecentRefusals {
  readonly #memory = Buffer.allocUnsafeSlow(MEMORY_BYTES);
  readonly #kept: Kept[] = [];
  /** How many refusals, and how many bytes of them, were ever written. */
  #count = 0;
  #end = 0;

  /** What notes the refusals of one configuration. It is called while the caller waits: near misses are left for later. */
  recorder(matcher: Matcher): (refused: RefusedRequest) => void {
    const routes = new WeakRef(matcher);
    return (refused) => this.#keep(refused.requestId, JSON.stringify(noteOf(refused)), routes);
  }

  /** @throws GatewayError `not_found` for a request that was not refused, or that too many came after. */
  explain(requestId: string): ExplanationDocument {
    const kept = this.#find(requestId);
    if (kept === undefined) {
      throw new GatewayError('not_found', { description: 'No recent refusal has this request id.' });
    }
    const { document, method, host, path } = this.#read(kept);
    const nearMisses = (path && kept.matcher.deref()?.nearMisses(host, path, method)) || [];
    return { ...document, near_misses: missedRows(nearMisses) };
  }

  #keep(requestId: string, note: string, matcher: WeakRef<Matcher>): void {
    const bytes = Buffer.byteLength(note);
    if (bytes > MEMORY_BYTES) return;
    const left = MEMORY_BYTES - (this.#end % MEMORY_BYTES);
    const start = bytes > left ? this.#end + left : this.#end;
    this.#memory.write(note, start % MEMORY_BYTES);
    this.#end = start + bytes;
    this.#kept[this.#count % MOST_REFUSALS] = { requestId, start, bytes, matcher };
    this.#count += 1;
  }

  /** The newest one of this id that has not been written over. */
  #find(requestId: string): Kept | undefined {
    return this.#kept
      .filter((kept) => kept.requestId === requestId && kept.start + MEMORY_BYTES >= this.#end)
      .reduce<Kept | undefined>((newest, kept) => (newest && newest.start > kept.start ? newest : kept), undefined);
  }

  #read({ start, bytes }: Kept): Note {
    const from = start % MEMORY_BYTES;
    return JSON.parse(this.#memory.toString('utf8', from, from + bytes));
  }
}

function noteOf(refused: RefusedRequest): Note {
  const { requestId, method = '(unread)', error, wouldRefuse, route } = refused;
  const host = refused.host && cut(refused.host);
  const path = refused.path && cut(refused.path);
  const document = documentOf(
    {
      outcome: error === undefined ? 'forwarded' : 'refused',
      refusal: error,
      wouldRefuse,
      route,
      nearMisses: [],
      checks: checksOf(refused),
      upstream: undefined,
    },
    {
      request: [method, host && `http://${host}`].filter(Boolean).join(' ') + (path ?? ''),
      request_id: requestId,
      time: new Date().toISOString(),
      unchecked: [],
    },
  );
  return { method, host, path, document };
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
  return checks.map(({ name, passed, detail }) => ({ name, passed, detail: cut(detail) }));
}

/** Of scopes and rules, the demands have told. */
function verdictOf(error: GatewayError): Check[] {
  if (error.code === 'insufficient_scope' || error.code === 'access_denied') return [];
  return [failed(FAILED_AT[error.code] ?? 'request', error)];
}

function cut(text: string): string {
  return text.slice(0, LONGEST_TEXT);
}
