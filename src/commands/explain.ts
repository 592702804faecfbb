import type { JWTPayload } from 'jose';
import { documentOf, type ExplanationDocument } from '../explain/document.ts';
import { type Explanation, explainRequest } from '../explain/explain.ts';
import { parseRequest, type Question } from '../explain/request.ts';
import { endpointPaths } from '../oauth/endpoints.ts';
import { Upstream, Upstreams, upstreamsOf } from '../proxy/upstreams.ts';
import { readConfig } from '../read-config.ts';
import { createDecisions } from '../runtime.ts';
import { MemoryStore } from '../store/memory.ts';
import { createDpopProofs } from '../tokens/dpop-proofs.ts';
import { openOfflineTokens, type Presented } from '../tokens/offline.ts';
import { type AdminAddress, adminAddressIn, askGateway } from './ask-gateway.ts';
import { BadUsage } from './bad-usage.ts';
import { formatExplanation } from './explanation.ts';

export interface RequestOptions {
  readonly token?: string;
  /** JSON. */
  readonly claims?: string;
  /** `Name: value` */
  readonly header: readonly string[];
}

export interface ExplainOptions extends RequestOptions {
  /** The id of a request that was refused. */
  readonly request?: string;
  /** Where a running gateway has its admin address. */
  readonly admin?: string;
  readonly adminToken?: string;
  readonly format: 'text' | 'json';
}

const DEFAULT_FILE = 'gateway.yaml';

/**
 * Prints what becomes of a request, or what became of one, and why. Nothing is sent to an upstream.
 *
 * @param words METHOD URL [FILE]; [FILE] alone where a refused request is asked about
 */
export async function explain(words: readonly string[], options: ExplainOptions): Promise<void> {
  const document = await (options.request === undefined ? aboutRequest(words, options) : aboutRefusal(words, options));
  process.stdout.write(
    options.format === 'json' ? `${JSON.stringify(document, undefined, 2)}\n` : formatExplanation(document),
  );
}

function aboutRefusal(words: readonly string[], options: ExplainOptions): Promise<ExplanationDocument> {
  const [file = DEFAULT_FILE, ...others] = words;
  if (others.length > 0) throw new BadUsage('--request asks about a request that there was: expected no other one');
  const query = new URLSearchParams({ request: options.request ?? '' });
  return askGateway(adminAddressOf(options) ?? adminAddressIn(file), 'GET', `/explain?${query}`);
}

async function aboutRequest(words: readonly string[], options: ExplainOptions): Promise<ExplanationDocument> {
  const [method, url, file = DEFAULT_FILE, ...others] = words;
  if (method === undefined || url === undefined || others.length > 0) {
    throw new BadUsage('expected METHOD URL [FILE], or --request ID');
  }
  const admin = adminAddressOf(options);
  if (admin !== undefined) return askGateway(admin, 'POST', '/explain', questionTo(method, url, options));
  const { request, unchecked, ...explanation } = await explanationOf(method, url, file, options);
  return documentOf(explanation, { request, unchecked });
}

function adminAddressOf({ admin, adminToken: token = '' }: ExplainOptions): AdminAddress | undefined {
  if (admin === undefined) return undefined;
  if (/^https?:/.test(admin) && URL.canParse(admin)) return { origin: new URL(admin).origin, token };
  throw new BadUsage('--admin needs a URL, such as http://127.0.0.1:9901');
}

/** A running gateway takes nothing as verified that it has not verified itself. */
function questionTo(method: string, url: string, { token, claims, header }: RequestOptions): Question {
  if (claims !== undefined) throw new BadUsage('--claims are for a configuration; a running gateway needs a --token');
  return { method, url, headers: [...header, ...authorization(token)] };
}

function authorization(token: string | undefined): string[] {
  return token === undefined ? [] : [`Authorization: Bearer ${token}`];
}

/** An explanation by the configuration alone. */
export interface OfflineExplanation extends Explanation {
  /** `GET /orders/7` */
  readonly request: string;
  /** What only a running gateway could look at. */
  readonly unchecked: readonly string[];
}

/** @throws ConfigError, BadUsage, UnreadableRequest */
export async function explanationOf(
  method: string,
  url: string,
  file: string,
  options: RequestOptions,
): Promise<OfflineExplanation> {
  const config = readConfig(file);
  const { verifier, bearer, unchecked } = await openOfflineTokens(config, presented(options));
  const headers = [...options.header, ...authorization(bearer)];
  const request = await parseRequest({ method, url, headers }, config.listen);
  const dpop = createDpopProofs(new MemoryStore());
  const upstreams = new Upstreams(upstreamsOf(config).map((origin) => new Upstream(origin)));
  const decisions = createDecisions(config, { tokens: verifier, dpop, upstreams, authorities: undefined });
  const explanation = await explainRequest(request, { ...decisions, endpoints: new Set(endpointPaths(config)) });
  return { ...explanation, request: `${method} ${request.url}`, unchecked };
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
