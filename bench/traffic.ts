/** What is sent through the gateways in one case, the same to all of them. */
export interface Traffic {
  readonly method: 'GET' | 'POST';
  /** Of the request's body. */
  readonly requestBytes: number;
  readonly answerBytes: number;
  readonly algorithm: Algorithm;
  /** Different tokens, picked at random for each request. */
  readonly tokens: number;
  readonly connections: number;
  readonly keepAlive: boolean;
  /** Rules of the gateway, each with its path; one is picked at random for each request. */
  readonly routes: number;
  /** Between an answer and the next request on its connection; 0 for as many requests as there can be. */
  readonly pauseMs: number;
}

export type Algorithm = 'RS256' | 'ES256';

export const USUAL_TRAFFIC: Traffic = {
  method: 'GET',
  requestBytes: 0,
  answerBytes: 200,
  algorithm: 'RS256',
  tokens: 1,
  connections: 64,
  keepAlive: true,
  routes: 10,
  pauseMs: 0,
};

/** Of rule number `index`: all below it needs `SCOPE`. load/wrk.lua and peers/autocannon.js write the same. */
export const routePrefix = (index: number) => `/api/r${String(index).padStart(5, '0')}/`;

/** What is streamed, served by programs/upstream.ts: one rule more. */
export const STREAM_PREFIX = '/stream/';

/** All prefixes that a gateway has a rule for. */
export function prefixesOf({ routes }: Traffic): readonly string[] {
  return [...Array.from({ length: routes }, (_, index) => routePrefix(index)), STREAM_PREFIX];
}

export const ISSUER = 'https://gateway.bench.example';
export const AUDIENCE = 'https://api.bench.example';
export const SCOPE = 'bench.read';
