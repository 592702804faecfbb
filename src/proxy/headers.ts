import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { cookieSpelling } from '../config/cookie-spelling.ts';
import { headerSpelling } from '../config/header-spelling.ts';
import { carriedNames } from '../config/placeholder.ts';
import type { UpstreamConfig } from '../config/schema.ts';
import { setsCookie, withoutCookies } from './cookies.ts';
import type { Exchange } from './exchange.ts';
import { type IdentityTemplate, identityTemplate } from './identity.ts';

/** What an upstream's configuration says about headers, prepared once. */
export interface HeaderPolicy {
  readonly host: string;
  /** Spellings of the headers that are never passed on from the client. */
  readonly dropped: ReadonlySet<string>;
  readonly identity: readonly (readonly [name: string, template: IdentityTemplate])[];
  readonly cookies: readonly (readonly [name: string, template: IdentityTemplate])[];
  /** Spellings of cookies that pass between client and upstream in neither direction. */
  readonly ownCookies: ReadonlySet<string>;
  /** What of the session of a login the upstream gets, by the names of `carry`. */
  readonly carried: readonly string[];
}

/** RFC 9110 §7.6.1, with what older proxies used, and HTTP2-Settings (RFC 7540 §3.2.1). */
const HOP_BY_HOP = [
  'connection',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];

/** What only a proxy in front of the upstream may say, and that we set again or not at all. */
const OURS = [
  'content-length',
  // The server has answered it: https://nodejs.org/api/http.html#event-checkcontinue
  'expect',
  'forwarded',
  'host',
  // CGI makes HTTP_PROXY of it, and that is where many clients look for their own proxy (CVE-2016-5385).
  'proxy',
  'traceparent',
  'x-request-id',
  // Frameworks take the client's address from these (Rails, Django's ipware); X-Forwarded-For has it.
  'cf-connecting-ip',
  'client-ip',
  'true-client-ip',
  'x-client-ip',
  'x-cluster-client-ip',
  'x-original-forwarded-for',
  'x-real-ip',
  // What they name instead of the method would pass by the method that was checked.
  'x-http-method',
  'x-http-method-override',
  'x-method-override',
  // IIS and several frameworks serve this path instead of the one that was checked.
  'x-original-url',
  'x-rewrite-url',
];

/** The client reads our X-Request-Id: an upstream was told it, and has none of its own to give. */
const DROPPED_FROM_RESPONSE: ReadonlySet<string> = new Set([...HOP_BY_HOP, 'x-request-id']);

/** @param neverPassed names of further headers that only the proxy in front of us may say */
export function headerPolicy(config: UpstreamConfig, neverPassed: readonly string[] = []): HeaderPolicy {
  const [identity, cookies] = [Object.entries(config.identity_headers), Object.entries(config.cookies)];
  const ours = [...neverPassed, ...identity.map(([name]) => name)].map(headerSpelling);
  const removed = config.authorization === 'remove' || ours.includes('authorization') ? ['authorization', 'dpop'] : [];
  return {
    host: config.host,
    dropped: new Set([...HOP_BY_HOP, ...OURS, ...removed, ...ours, ...(cookies.length > 0 ? ['cookie'] : [])]),
    identity: identity.map(([name, text]) => [name, identityTemplate(text)]),
    cookies: cookies.map(([name, text]) => [name, identityTemplate(text)]),
    ownCookies: new Set(cookies.map(([name]) => cookieSpelling(name))),
    carried: [...identity, ...cookies].flatMap(([, text]) => carriedNames(text)),
  };
}

/**
 * The headers for the upstream, as names and values in turn: what the client sent, in its order and spelling, without
 * what concerns only its connection or what only we may say; then ours, each once. Ours come after `Connection` was
 * obeyed, so a client cannot take them away by naming them there.
 *
 * @param targetHost the Host of the target that was chosen, with its port
 */
export function requestHeaders(
  request: IncomingMessage,
  exchange: Exchange,
  policy: HeaderPolicy,
  targetHost: string,
): string[] {
  const host = hostHeader(policy, request.headers.host, targetHost);
  const headers = ['Host', host];
  const traceparent = wellFormedTraceparent(request.headers.traceparent);
  keepHeaders(headers, request, policy, exchange.isPublic, traceparent !== undefined);
  headers.push('X-Forwarded-For', exchange.forwardedFor, 'X-Forwarded-Proto', exchange.scheme);
  if (request.headers.host) headers.push('X-Forwarded-Host', request.headers.host);
  headers.push('Forwarded', forwarded(exchange, request.headers.host));
  headers.push('X-Request-Id', exchange.requestId, 'traceparent', traceparent ?? newTraceparent());
  if (exchange.claims !== undefined) pushIdentity(headers, policy, exchange);
  if (policy.cookies.length > 0) pushCookies(headers, request, policy, exchange);
  return headers;
}

function keepHeaders(
  headers: string[],
  { rawHeaders, headers: parsed }: IncomingMessage,
  { dropped }: HeaderPolicy,
  isPublic: boolean,
  keepTracestate: boolean,
): void {
  const named = namedByConnection(parsed.connection);
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] as string;
    const key = headerSpelling(name);
    if (dropped.has(key) || key.startsWith('x-forwarded') || named?.has(key)) continue;
    if (isPublic && key === 'authorization') continue;
    if (!keepTracestate && key === 'tracestate') continue;
    headers.push(name, rawHeaders[index + 1] as string);
  }
}

/** RFC 9110 §7.6.1: the options of Connection name further headers that end here. */
function namedByConnection(connection: string | undefined): ReadonlySet<string> | undefined {
  if (connection === undefined || /^(?:keep-alive|close)$/i.test(connection)) return undefined;
  return new Set(connection.split(',').map((option) => headerSpelling(option.trim())));
}

function hostHeader({ host }: HeaderPolicy, sent: string | undefined, targetHost: string): string {
  if (host === 'preserve') return sent || targetHost;
  return host === 'target' ? targetHost : host;
}

/** RFC 7239 §4; an IPv6 address is in brackets, and so in quotes (§6). */
function forwarded({ clientAddress, scheme }: Exchange, host: string | undefined): string {
  const address = clientAddress.includes(':') ? `"[${clientAddress}]"` : clientAddress;
  const quotedHost = host ? `;host="${host.replace(/["\\]/g, '\\$&')}"` : '';
  return `for=${address}${quotedHost};proto=${scheme}`;
}

/** W3C Trace Context §3.2: later versions may have more after the flags; ids of zeros are void. */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?$/;

/** Repeated headers arrive joined by a comma, and are no traceparent. */
function wellFormedTraceparent(sent: string | string[] | undefined): string | undefined {
  if (typeof sent !== 'string' || !TRACEPARENT.test(sent)) return undefined;
  return sent.startsWith('00') && sent.length > 55 ? undefined : sent;
}

/** Sampled, so that an upstream that follows its caller's decision records no less than without us. */
function newTraceparent(): string {
  const traceId = randomUUID().replaceAll('-', '');
  return `00-${traceId}-${randomUUID().replaceAll('-', '').slice(16)}-01`;
}

function pushIdentity(headers: string[], policy: HeaderPolicy, { claims = {}, carried }: Exchange): void {
  for (const [name, template] of policy.identity) {
    const value = template(claims, carried);
    if (value !== undefined) headers.push(name, value);
  }
}

/** One `Cookie` header (RFC 6265 §5.4), with ours before whatever a client may have left open in its own. */
function pushCookies(headers: string[], { headers: sent }: IncomingMessage, policy: HeaderPolicy, exchange: Exchange) {
  const cookies: string[] = [];
  for (const [name, template] of policy.cookies) {
    const value = template({}, exchange.carried);
    if (value !== undefined) cookies.push(`${name}=${value}`);
  }
  const isPassedOn = !namedByConnection(sent.connection)?.has('cookie');
  const kept = isPassedOn ? withoutCookies(sent.cookie ?? '', policy.ownCookies) : '';
  if (kept !== '') cookies.push(kept);
  if (cookies.length > 0) headers.push('Cookie', cookies.join('; '));
}

/**
 * The upstream's headers for the client, as names and values in turn, without hop-by-hop ones. Bytes stay what they were:
 * they are read as Latin-1, the way Node writes them. What was sent more than once has all its values in one array, for
 * `writeHead` keeps only the last of repeated names where other code has set headers before.
 *
 * @param raw names and values in turn
 * @param policy of the upstream, whose own cookies the client is not told
 */
export function responseHeaders(
  raw: readonly (Buffer | string)[],
  { ownCookies }: Pick<HeaderPolicy, 'ownCookies'>,
): (string | string[])[] {
  const headers: (string | string[])[] = [];
  const keys: string[] = [];
  const named = namedByConnection(connectionOf(raw));
  for (let index = 0; index < raw.length; index += 2) {
    const name = latin1(raw[index]);
    const key = name.toLowerCase();
    if (DROPPED_FROM_RESPONSE.has(key) || named?.has(key)) continue;
    const value = latin1(raw[index + 1]);
    if (ownCookies.size > 0 && /^set-cookie2?$/.test(key) && setsCookie(value, ownCookies)) continue;
    const before = keys.indexOf(key);
    if (before < 0) keys.push(key);
    append(headers, before, name, value);
  }
  return headers;
}

/** @param before how many-th of the names it is already; negative when it is new */
function append(headers: (string | string[])[], before: number, name: string, value: string): void {
  if (before < 0) headers.push(name, value);
  else headers[before * 2 + 1] = [headers[before * 2 + 1] ?? [], value].flat();
}

function connectionOf(raw: readonly (Buffer | string)[]): string | undefined {
  let connection: string | undefined;
  for (let index = 0; index < raw.length; index += 2) {
    if (raw[index]?.length !== 'connection'.length || latin1(raw[index]).toLowerCase() !== 'connection') continue;
    connection = connection === undefined ? latin1(raw[index + 1]) : `${connection},${latin1(raw[index + 1])}`;
  }
  return connection;
}

function latin1(text: Buffer | string | undefined): string {
  return typeof text === 'string' ? text : (text?.toString('latin1') ?? '');
}
