import { freePort, stop } from '../../test/support/server-process.ts';
import { untilAccepting } from '../bench.ts';
import { AUDIENCE, ISSUER, prefixesOf, SCOPE } from '../traffic.ts';
import { missingPackage, packageVersion, peerProgram } from './npm.ts';
import { EVERY_FLAW, type Peer } from './peer.ts';

const MOST_ROUTES = 1000;

/** Fastify with its own proxy and JWT plugins, in fastify-gateway.js. */
export const fastify: Peer = {
  name: 'fastify',
  work: 'Fastify with @fastify/http-proxy and @fastify/jwt: signature, exp, iss and aud once for each token that its cache holds (20,000, as Postern’s), scope of every request. Access log of pino (two lines a request, to a file), X-Request-Id, X-Forwarded-* and X-User.',
  refuses: EVERY_FLAW.filter((flaw) => flaw !== 'type'),
  missing: () => ['fastify', '@fastify/http-proxy', '@fastify/jwt'].map(missingPackage).find(Boolean),
  version: () => packageVersion('fastify'),
  declines: ({ routes }) => (routes > MOST_ROUTES ? 'each rule is a plugin: so many take minutes to start' : undefined),

  async start(bench, { traffic, keys, upstreamPort }) {
    const port = await freePort();
    const settings = {
      ...{ port, upstream: `http://127.0.0.1:${upstreamPort}`, prefixes: prefixesOf(traffic) },
      ...{ publicFile: keys.publicFile, algorithm: keys.algorithm, issuer: ISSUER, audience: AUDIENCE, scope: SCOPE },
    };
    const command = peerProgram('fastify-gateway', JSON.stringify(settings));
    const started = bench.start('gateway', bench.newFolder('fastify'), command, { NODE_ENV: 'production' });
    await untilAccepting(started, port);
    return { port, pids: [started.pid], stop: () => stop(started.process) };
  },
};
