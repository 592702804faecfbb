import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { freePort, stop } from '../../test/support/server-process.ts';
import { untilAccepting } from '../bench.ts';
import { AUDIENCE, ISSUER, prefixesOf } from '../traffic.ts';
import { missingPackage, packageVersion, peerProgram } from './npm.ts';
import type { Peer, Setting } from './peer.ts';

const MOST_ROUTES = 1000;

/** Express Gateway, whose `http-proxy` and policies many Node gateways were built like. */
export const expressGateway: Peer = {
  name: 'express-gateway',
  work: 'Its jwt policy verifies signature, exp, iss and aud of every request anew; scopes are not checked, for it checks them of its own users alone. X-Forwarded-*; no X-User. No access log, for its log policy makes a JavaScript context for each request.',
  refuses: ['signature', 'expired', 'issuer', 'audience'],
  missing: () => missingPackage('express-gateway'),
  version: () => packageVersion('express-gateway'),

  declines({ routes, algorithm }) {
    if (algorithm !== 'RS256') return `its jwt policy does not take ${algorithm}`;
    return routes > MOST_ROUTES ? 'it looks at its rules one after the other' : undefined;
  },

  async start(bench, setting) {
    const port = await freePort();
    const folder = bench.newFolder('express-gateway');
    mkdirSync(join(folder, 'models'));
    writeFileSync(join(folder, 'gateway.config.yml'), stringify(configuration(setting, port)));
    writeFileSync(join(folder, 'system.config.yml'), stringify(SYSTEM));
    const env = { NODE_ENV: 'production', LOG_LEVEL: 'info' };
    const started = bench.start('gateway', folder, peerProgram('express-gateway', folder), env);
    await untilAccepting(started, port);
    return { port, pids: [started.pid], stop: () => stop(started.process) };
  },
};

/** Its users are not used, and stay in memory. */
const SYSTEM = {
  db: { redis: { emulate: true, namespace: 'EG' } },
  crypto: { cipherKey: 'sensitiveKey', algorithm: 'aes256', saltRounds: 10 },
  session: { secret: 'keyboard cat', resave: false, saveUninitialized: false },
  accessTokens: { timeToExpiry: 7_200_000 },
  refreshTokens: { timeToExpiry: 7_200_000 },
  authorizationCodes: { timeToExpiry: 300_000 },
};

function configuration({ traffic, keys, upstreamPort }: Setting, port: number) {
  const endpoints = prefixesOf(traffic).map((prefix, index) => [`r${index}`, { host: '*', paths: `${prefix}*` }]);
  const token = { issuer: ISSUER, audience: AUDIENCE, algorithms: [keys.algorithm] };
  return {
    http: { port, hostname: '127.0.0.1' },
    apiEndpoints: Object.fromEntries(endpoints),
    serviceEndpoints: { api: { url: `http://127.0.0.1:${upstreamPort}` } },
    policies: ['jwt', 'proxy'],
    pipelines: {
      bench: {
        apiEndpoints: endpoints.map(([name]) => name),
        policies: [
          { jwt: [{ action: { ...token, secretOrPublicKeyFile: keys.publicFile, checkCredentialExistence: false } }] },
          { proxy: [{ action: { serviceEndpoint: 'api', changeOrigin: false, xfwd: true } }] },
        ],
      },
    },
  };
}
