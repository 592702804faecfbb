import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import proxy from '@fastify/http-proxy';
import jwt from '@fastify/jwt';
import fastify from 'fastify';

/** A gateway of Fastify's own plugins. Its argument is JSON: see fastify.ts. */
const { port, upstream, prefixes, publicFile, algorithm, issuer, audience, scope } = JSON.parse(process.argv[2]);
const REMEMBERED_TOKENS = 20_000;

const app = fastify({
  logger: { level: 'info' },
  genReqId: () => randomUUID(),
  bodyLimit: 2 * 1024 ** 3,
});

await app.register(jwt, {
  secret: { public: readFileSync(publicFile) },
  verify: { algorithms: [algorithm], allowedIss: issuer, allowedAud: audience, cache: REMEMBERED_TOKENS },
});

async function authorize(request, reply) {
  await request.jwtVerify();
  if (!request.user.scope.split(' ').includes(scope)) return reply.code(403).send({ error: 'insufficient_scope' });
}

const replyOptions = {
  rewriteRequestHeaders: (request, headers) => ({
    ...headers,
    'x-request-id': request.id,
    'x-forwarded-for': request.ip,
    'x-forwarded-host': request.host,
    'x-forwarded-proto': request.protocol,
    'x-user': request.user.sub,
  }),
};

for (const prefix of prefixes) {
  await app.register(proxy, {
    ...{ upstream, prefix, rewritePrefix: prefix, replyOptions },
    preHandler: authorize,
    undici: { connections: 4096, pipelining: 1 },
  });
}
await app.listen({ port, host: '127.0.0.1', backlog: 4096 });
