import assert from 'node:assert/strict';
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

export interface Tokens {
  readonly access_token: string;
  readonly refresh_token?: string | undefined;
  readonly token_type: string;
  readonly expires_in?: number | undefined;
  readonly scope?: string | undefined;
}

/** What an application does with a library, whatever the library calls it. A refusal rejects with an `error` code. */
export interface Application {
  readonly clientId: string;
  /** The subject is the ID token's, which the library has validated. */
  logIn(): Promise<Tokens & { readonly subject: string | undefined }>;
  refresh(token: string): Promise<Tokens>;
  actOnItsOwn(): Promise<Tokens>;
  introspect(token: string): Promise<{ active: boolean; client_id?: string; sub?: string }>;
  revoke(token: string): Promise<void>;
  /** The status of the API's answer. */
  callApi(accessToken: string): Promise<number>;
}

/** The life of a session, from the login to its end. */
export async function goAllTheWay(application: Application, isPublic = false): Promise<void> {
  const first = await application.logIn();
  assert.equal(first.subject, 'u-1');
  assert.deepEqual([first.token_type.toLowerCase(), first.expires_in, first.scope], ['bearer', 900, LOGIN.scope]);
  assert.equal(await application.callApi(first.access_token), 200);

  const second = await application.refresh(first.refresh_token ?? '');
  assert.notEqual(second.refresh_token, first.refresh_token);
  assert.equal(await application.callApi(second.access_token), 200);

  if (isPublic) await refusePublic(application, second);
  else await proveConfidential(application, second);

  await application.revoke(second.refresh_token ?? '');
  await assert.rejects(application.refresh(second.refresh_token ?? ''), { error: 'invalid_grant' });
  assert.equal(await application.callApi(second.access_token), 401);
}

async function proveConfidential(application: Application, { access_token, refresh_token = '' }: Tokens) {
  for (const token of [access_token, refresh_token]) {
    const { active, client_id, sub } = await application.introspect(token);
    assert.deepEqual({ active, client_id, sub }, { active: true, client_id: application.clientId, sub: 'u-1' });
  }
  const own = await application.actOnItsOwn();
  assert.equal(own.refresh_token, undefined);
  assert.equal(await application.callApi(own.access_token), 200);
  await application.revoke(own.access_token);
  assert.equal(await application.callApi(own.access_token), 401);
  assert.equal((await application.introspect(own.access_token)).active, false);
}

/** RFC 6749 §4.4 and RFC 7662 §2.1 want clients that authenticate. */
async function refusePublic(application: Application, { access_token }: Tokens): Promise<void> {
  await assert.rejects(application.actOnItsOwn(), { error: 'unauthorized_client' });
  await assert.rejects(application.introspect(access_token), { error: 'invalid_client' });
}
