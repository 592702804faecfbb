import type { IncomingMessage } from 'node:http';
import { GatewayError } from '../errors.ts';
import { singleHeader } from './single-header.ts';
import { parseTarget, type Target } from './target.ts';

/** What a request's head asks for. */
export interface RequestHead {
  /** The one Host header; HTTP/1.0 may leave it out. */
  readonly host: string | undefined;
  readonly target: Target;
}

/**
 * Browsers send some twenty, and each proxy on the way adds a few; Apache and HAProxy stop at about as many. `max_header_size`
 * bounds their bytes, but Node does not count what is between names and values.
 */
export const MOST_HEADERS = 100;

/**
 * A name or address, maybe with a port. RFC 3986 §3.2.2 allows more in a name, such as `%61`; all that it is good for is
 * that the gateway and an upstream see two different hosts in it.
 */
const HOST = /^(?:\[[0-9A-Fa-f:.]+\]|(?:[\w-]+\.)*[\w-]*)(?::\d{0,5})?$/;

/**
 * Reads the head of a request, and refuses one that others on the way could understand in another way, or that asks for
 * what nobody here does. It comes before everything else that looks at the request.
 *
 * @throws GatewayError `invalid_request`, `expectation_failed`, `header_fields_too_large`
 */
export function readRequestHead(request: IncomingMessage): RequestHead {
  refuseManyHeaders(request);
  refuseOtherVersions(request);
  refuseOtherCodings(request);
  refuseExpectations(request);
  return { host: readHost(request), target: parseTarget(request.url ?? '') };
}

/** It comes first: what Node has left out of many may be what the others look for. */
function refuseManyHeaders({ rawHeaders }: IncomingMessage): void {
  if (rawHeaders.length > 2 * MOST_HEADERS) throw new GatewayError('header_fields_too_large');
}

function refuseOtherVersions({ httpVersion }: IncomingMessage): void {
  if (httpVersion !== '1.1' && httpVersion !== '1.0') throw refused('The only versions are HTTP/1.1 and HTTP/1.0.');
}

/** RFC 9112 §6.1. Node has refused requests that declare a length as well. */
function refuseOtherCodings({ headers, httpVersion }: IncomingMessage): void {
  const coding = headers['transfer-encoding'];
  if (coding === undefined || (coding.toLowerCase() === 'chunked' && httpVersion === '1.1')) return;
  throw refused('The only transfer coding is chunked, in HTTP/1.1.');
}

/** RFC 9110 §10.1.1. */
function refuseExpectations({ headers }: IncomingMessage): void {
  const { expect } = headers;
  if (expect !== undefined && expect.toLowerCase() !== '100-continue') throw new GatewayError('expectation_failed');
}

function readHost({ rawHeaders, httpVersion }: IncomingMessage): string | undefined {
  const host = singleHeader(rawHeaders, 'host');
  if (host === undefined && httpVersion === '1.1') throw refused('There is no host header.');
  if (host !== undefined && !HOST.test(host)) throw refused('The host header is no host.');
  return host;
}

function refused(description: string): GatewayError {
  return new GatewayError('invalid_request', { description });
}
