import type { TestContext } from 'node:test';
import { exportJWK } from 'jose';
import { generateKeyPair } from 'oauth4webapi';
import { Agent, fetch as undiciFetch } from 'undici';
import {
  CLIENT_AUTHENTICATION,
  type Identity,
  makeAuthority,
  makeCertificate,
  named,
} from '../support/certificates.ts';
import { PASSWORD, type Settings, startGateway, startUpstream } from '../support/gateway.ts';
import { freePort } from '../support/server-process.ts';
import { tlsFiles } from '../support/tls.ts';

/** What libraries encode in different ways, and long enough for HS256. */
export const SECRET = "100% secret: a+b & c=d/e ~!'()* f";
export const AUDIENCE = 'https://api.example';
export const LOGIN = { username: 'ann', password: PASSWORD, scope: 'read write' };

const authority = makeAuthority();

/** What a client has to hold, to be the one that is registered. */
export const keys = {
  issued: authority.issue({ subject: named('app'), usages: [CLIENT_AUTHENTICATION] }),
  selfSigned: makeCertificate({ subject: named('app') }),
  pairs: await makePairs(['RS256', 'PS384', 'ES256', 'ES512', 'Ed25519']),
};

async function makePairs(algorithms: string[]) {
  return new Map(
    await Promise.all(algorithms.map(async (algorithm) => [algorithm, await generateKeyPair(algorithm)] as const)),
  );
}

const OWN = { grants: ['password', 'refresh_token', 'client_credentials'], scopes: ['read', 'write'], id_token: true };

/** One for each method that gateway.yaml knows. */
const CLIENTS = [
  { ...OWN, id: 'public@example.com', auth: 'none', grants: ['password', 'refresh_token'] },
  { ...OWN, id: 'basic+1@example.com', auth: 'client_secret_basic', secret: SECRET },
  { ...OWN, id: 'post+1@example.com', auth: 'client_secret_post', secret: SECRET },
  { ...OWN, id: 'dpop', auth: 'client_secret_basic', secret: SECRET, bind_tokens: 'dpop' },
  { ...OWN, id: 'hmac', auth: 'client_secret_jwt', secret: SECRET },
  { ...OWN, id: 'named', auth: 'tls_client_auth', tls_subject_dn: 'CN=app', bind_tokens: 'certificate' },
  {
    ...OWN,
    id: 'self-signed',
    auth: 'self_signed_tls_client_auth',
    jwks: { keys: [keys.selfSigned.x509.publicKey.export({ format: 'jwk' })] },
  },
  ...(await Promise.all(
    [...keys.pairs].map(async ([algorithm, { publicKey }]) => ({
      ...OWN,
      id: algorithm,
      auth: 'private_key_jwt',
      jwks: { keys: [{ ...(await exportJWK(publicKey)), alg: algorithm }] },
    })),
  )),
];

export interface Provider {
  readonly issuer: URL;
  /** Behind a route that wants the scope `read`. */
  readonly api: URL;
  /** Behind a route that wants a scope that nobody has. */
  readonly closedApi: URL;
}

interface ProviderChoice {
  readonly scheme?: 'http' | 'https';
  /** Of the issuer. */
  readonly path?: string;
  /** Of the gateway's keys. The default is the one whose keys are made quickest. */
  readonly algorithm?: string;
}

/** A gateway that is found at its issuer, as a client looks for it, with an API behind it. */
export async function startProvider(
  test: TestContext,
  { scheme = 'https', path = '/auth', algorithm = 'ES256' }: ProviderChoice = {},
): Promise<Provider> {
  const upstream = await startUpstream(test);
  const address = `127.0.0.1:${await freePort()}`;
  const issuer = `${scheme}://${address}${path}`;
  const isSecure = scheme === 'https';
  const settings: Settings = {
    listen: { address, ...(isSecure && { tls: tlsFiles(test, authority.server, authority.root.cert) }) },
    tokens: { issuer, audience: AUDIENCE, signing: { algorithm } },
    clients: CLIENTS.filter(({ auth }) => isSecure || !auth.endsWith('tls_client_auth')),
    upstreams: { api: { targets: [upstream.url] } },
    routes: [
      { path: '/read', scopes: ['read'], upstream: 'api' },
      { path: '/closed', scopes: ['admin'], upstream: 'api' },
    ],
  };
  const { url } = await startGateway(test, settings);
  return { issuer: new URL(issuer), api: new URL('/read', url), closedApi: new URL('/closed', url) };
}

type UndiciOptions = NonNullable<Parameters<typeof undiciFetch>[1]>;

/** The `fetch` that the libraries' documentation has for TLS: it trusts the gateway's authority, and shows `identity`. */
export function fetchAs(test: TestContext, identity?: Identity) {
  const shown = identity && { cert: identity.cert, key: identity.key };
  const dispatcher = new Agent({ connect: { ca: authority.root.cert, ...shown } });
  test.after(() => dispatcher.close());
  return async (url: string, options: object): Promise<Response> => {
    const response = await undiciFetch(url, { ...(options as UndiciOptions), dispatcher });
    return response as unknown as Response;
  };
}
