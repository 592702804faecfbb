import { METHODS, validateHeaderName, validateHeaderValue } from 'node:http';
import type { JWTPayload } from 'jose';
import { explainRequest } from '../explain.ts';
import { readConfig } from '../gateway.ts';
import { endpointPaths } from '../oauth/endpoints.ts';
import { createDecisions } from '../runtime.ts';
import { MemoryStore } from '../store/memory.ts';
import { createDpopProofs } from '../tokens/dpop-proofs.ts';
import { openOfflineTokens, type Presented } from '../tokens/offline.ts';
import { BadUsage } from './bad-usage.ts';
import { formatExplanation, type OfflineExplanation, toJson } from './explanation.ts';
import { parseRequest } from './parse-request.ts';

export interface RequestOptions {
  readonly token?: string;
  /** JSON. */
  readonly claims?: string;
  /** `Name: value` */
  readonly header: readonly string[];
}

export interface PrintOptions extends RequestOptions {
  readonly format: 'text' | 'json';
}

/** Prints what a gateway of this configuration would do with a request, and why. Nothing is sent. */
export async function explain(method: string, url: string, file: string, options: PrintOptions): Promise<void> {
  const explanation = await explanationOf(method, url, file, options);
  process.stdout.write((options.format === 'json' ? toJson : formatExplanation)(explanation));
}

/** @throws ConfigError, BadUsage */
export async function explanationOf(
  method: string,
  url: string,
  file: string,
  options: RequestOptions,
): Promise<OfflineExplanation> {
  const config = readConfig(file);
  const { verifier, bearer, unchecked } = await openOfflineTokens(config, presented(options));
  const authorization = bearer === undefined ? [] : [`Authorization: Bearer ${bearer}`];
  const request = await parseRequest(requestLines(method, url, [...options.header, ...authorization]), config.listen);
  const dpop = createDpopProofs(new MemoryStore());
  const decisions = createDecisions(config, { tokens: verifier, dpop, authorities: () => undefined });
  const explanation = await explainRequest(request, { ...decisions, endpoints: new Set(endpointPaths(config)) });
  return { ...explanation, file, request: `${method} ${request.url}`, unchecked };
}

function presented({ token, claims }: RequestOptions): Presented {
  if (token !== undefined && claims !== undefined) throw new BadUsage('--token and --claims exclude each other');
  if (token !== undefined) return { token };
  return claims === undefined ? undefined : { claims: parseClaims(claims) };
}

function parseClaims(json: string): JWTPayload {
  const claims = parseJson(json);
  if (typeof claims !== 'object' || claims === null || Array.isArray(claims)) {
    throw new BadUsage(`--claims needs a JSON object, such as '{"scope":"orders.read"}'`);
  }
  return claims as JWTPayload;
}

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

function requestLines(method: string, url: string, headers: readonly string[]): string[] {
  if (!METHODS.includes(method) || method === 'CONNECT') throw new BadUsage(`${method} is no method of a request`);
  const { host, target } = parseUrl(url);
  if (/\s/.test(target)) throw new BadUsage('a URL has no blanks: they are %20 in it');
  for (const line of headers) refuseOtherThanHeader(line);
  const named = headers.some((line) => /^host:/i.test(line));
  return [`${method} ${target} HTTP/1.1`, ...(named ? [] : [`Host: ${host}`]), ...headers];
}

/** `URL` would mend the path; what is wrong with it is the question. */
function parseUrl(url: string): { host: string; target: string } {
  if (url.startsWith('/')) return { host: 'localhost', target: url };
  const [, host, rest = ''] = /^https?:\/\/([^/?#@]+)([^#]*)/i.exec(url) ?? [];
  if (host === undefined) throw new BadUsage('expected a URL, as in https://api.example.com/orders, or a path');
  return { host, target: rest.startsWith('/') ? rest : `/${rest}` };
}

/** What else there is in a line could be a second one. */
function refuseOtherThanHeader(line: string): void {
  const [, name = '', value = ''] = /^([^:]*):(.*)$/s.exec(line) ?? [];
  try {
    validateHeaderName(name);
    validateHeaderValue(name, value);
  } catch {
    throw new BadUsage(`expected a header as in 'X-Name: value'`);
  }
}
