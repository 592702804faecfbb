import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import * as oauth from 'oauth4webapi';
import type { Identity } from '../support/certificates.ts';
import { type Application, goAllTheWay } from './application.ts';
import { AUDIENCE, fetchAs, keys, LOGIN, type Provider, SECRET, startProvider } from './provider.ts';

type Fetch = ReturnType<typeof fetchAs>;

/** What the documentation has for http on this machine. */
const insecure = { [oauth.allowInsecureRequests]: true };

async function discover({ issuer }: Provider, options: oauth.DiscoveryRequestOptions) {
  return oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, options));
}

/** An application that is written with oauth4webapi. */
async function createApplication(
  provider: Provider,
  clientId: string,
  authentication: oauth.ClientAuth,
  customFetch: Fetch,
): Promise<Application> {
  const options = { [oauth.customFetch]: customFetch };
  const as = await discover(provider, options);
  const client = { client_id: clientId };
  return {
    clientId,
    logIn: async () => {
      const response = await oauth.genericTokenEndpointRequest(as, client, authentication, 'password', LOGIN, options);
      const tokens = await oauth.processGenericTokenEndpointResponse(as, client, response);
      await oauth.validateApplicationLevelSignature(as, response, options);
      return { ...tokens, subject: oauth.getValidatedIdTokenClaims(tokens)?.sub };
    },
    refresh: async (token) => {
      const response = await oauth.refreshTokenGrantRequest(as, client, authentication, token, options);
      return oauth.processRefreshTokenResponse(as, client, response);
    },
    actOnItsOwn: async () => {
      const response = await oauth.clientCredentialsGrantRequest(as, client, authentication, {}, options);
      return oauth.processClientCredentialsResponse(as, client, response);
    },
    introspect: async (token) => {
      const response = await oauth.introspectionRequest(as, client, authentication, token, options);
      return oauth.processIntrospectionResponse(as, client, response);
    },
    revoke: async (token) => {
      const response = await oauth.revocationRequest(as, client, authentication, token, options);
      await oauth.processRevocationResponse(response);
    },
    callApi: async (token) => callApi(token, provider.api, options),
  };
}

/** The library throws for a refusal that has a challenge which it can read. */
async function callApi(token: string, api: URL, options: oauth.ProtectedResourceRequestOptions): Promise<number> {
  try {
    return (await oauth.protectedResourceRequest(token, 'GET', api, undefined, undefined, options)).status;
  } catch (error) {
    if (error instanceof oauth.WWWAuthenticateChallengeError) return error.status;
    throw error;
  }
}

const { issued, selfSigned, pairs } = keys;

const rows: [method: string, clientId: string, authentication: oauth.ClientAuth, identity?: Identity][] = [
  ['None', 'public@example.com', oauth.None()],
  ['ClientSecretBasic', 'basic+1@example.com', oauth.ClientSecretBasic(SECRET)],
  ['ClientSecretPost', 'post+1@example.com', oauth.ClientSecretPost(SECRET)],
  ['ClientSecretJwt', 'hmac', oauth.ClientSecretJwt(SECRET)],
  ...[...pairs].map(([algorithm, { privateKey }]): [string, string, oauth.ClientAuth] => [
    `PrivateKeyJwt with ${algorithm}`,
    algorithm,
    oauth.PrivateKeyJwt(privateKey),
  ]),
  ['TlsClientAuth, with tokens bound to its certificate', 'named', oauth.TlsClientAuth(), issued],
  ['TlsClientAuth with a certificate of its own', 'self-signed', oauth.TlsClientAuth(), selfSigned],
];

describe('oauth4webapi gets through over TLS', () => {
  for (const [method, clientId, authentication, identity] of rows) {
    test(`with ${method}`, async (context) => {
      const provider = await startProvider(context);
      const customFetch = fetchAs(context, identity);
      const application = await createApplication(provider, clientId, authentication, customFetch);
      await goAllTheWay(application, method === 'None');
    });
  }
});

describe('oauth4webapi finds the metadata', () => {
  for (const algorithm of ['oidc', 'oauth2'] as const) {
    for (const path of ['', '/auth', '/a/tenant']) {
      test(`of ${path || 'an issuer without a path'}, by ${algorithm}`, async (context) => {
        const provider = await startProvider(context, { scheme: 'http', path });
        const { token_endpoint } = await discover(provider, { ...insecure, algorithm });
        assert.equal(token_endpoint, new URL('/token', provider.issuer).href);
      });
    }
  }
});

describe('oauth4webapi validates', () => {
  const client = { client_id: 'basic+1@example.com' };
  const authentication = oauth.ClientSecretBasic(SECRET);

  async function logIn(context: TestContext, algorithm: string) {
    const provider = await startProvider(context, { scheme: 'http', algorithm });
    const as = await discover(provider, insecure);
    const response = await oauth.genericTokenEndpointRequest(as, client, authentication, 'password', LOGIN, insecure);
    const tokens = await oauth.processGenericTokenEndpointResponse(as, client, response);
    return { provider, as, response, tokens };
  }

  const bearing = (api: URL, token: string) => new Request(api, { headers: { Authorization: `Bearer ${token}` } });

  for (const algorithm of ['RS256', 'PS256', 'ES256', 'EdDSA']) {
    test(`ID tokens and access tokens that are signed with ${algorithm}`, async (context) => {
      const { provider, as, response, tokens } = await logIn(context, algorithm);
      await oauth.validateApplicationLevelSignature(as, response, insecure);
      assert.equal(oauth.getValidatedIdTokenClaims(tokens)?.sub, 'u-1');
      const request = bearing(provider.api, tokens.access_token);
      const { sub, client_id, scope } = await oauth.validateJwtAccessToken(as, request, AUDIENCE, insecure);
      assert.deepEqual({ sub, client_id, scope }, { sub: 'u-1', client_id: client.client_id, scope: LOGIN.scope });
    });
  }
});

describe('oauth4webapi reads why it was refused', () => {
  const client = { client_id: 'basic+1@example.com' };
  const right = oauth.ClientSecretBasic(SECRET);

  const refusals: [sentence: string, authentication: oauth.ClientAuth, grant: string, form: object, error: object][] = [
    ['a wrong password', right, 'password', { password: 'wrong' }, { error: 'invalid_grant', status: 400 }],
    ['a scope that it may not have', right, 'password', { scope: 'admin' }, { error: 'invalid_scope', status: 400 }],
    ['a grant that is not there', right, 'urn:other', {}, { error: 'unsupported_grant_type', status: 400 }],
    [
      'a secret in the wrong place',
      oauth.ClientSecretPost(SECRET),
      'password',
      {},
      { error: 'invalid_client', status: 401 },
    ],
  ];
  for (const [sentence, authentication, grant, changes, expected] of refusals) {
    test(`at the token endpoint: ${sentence}`, async (context) => {
      const as = await discover(await startProvider(context, { scheme: 'http' }), insecure);
      const form = { ...LOGIN, ...changes };
      const response = await oauth.genericTokenEndpointRequest(as, client, authentication, grant, form, insecure);
      await assert.rejects(oauth.processGenericTokenEndpointResponse(as, client, response), {
        name: 'ResponseBodyError',
        ...expected,
      });
    });
  }

  test('at the token endpoint: a wrong secret, from the challenge', async (context) => {
    const as = await discover(await startProvider(context, { scheme: 'http' }), insecure);
    const wrong = oauth.ClientSecretBasic('wrong');
    const response = await oauth.clientCredentialsGrantRequest(as, client, wrong, {}, insecure);
    const [challenge] = await challengesOf(oauth.processClientCredentialsResponse(as, client, response));
    assert.equal(challenge?.scheme, 'basic');
    assert.ok(challenge.parameters.realm);
  });

  test('at an API: no good token, and too little scope', async (context) => {
    const provider = await startProvider(context, { scheme: 'http' });
    const as = await discover(provider, insecure);
    const response = await oauth.clientCredentialsGrantRequest(as, client, right, {}, insecure);
    const { access_token } = await oauth.processClientCredentialsResponse(as, client, response);
    const ask = (token: string, api: URL) =>
      challengesOf(oauth.protectedResourceRequest(token, 'GET', api, undefined, undefined, insecure));
    const [bad] = await ask('x.y.z', provider.api);
    assert.deepEqual([bad?.scheme, bad?.parameters.error], ['bearer', 'invalid_token']);
    const [narrow] = await ask(access_token, provider.closedApi);
    assert.deepEqual([narrow?.parameters.error, narrow?.parameters.scope], ['insufficient_scope', 'admin']);
  });
});

async function challengesOf(refused: Promise<unknown>): Promise<readonly oauth.WWWAuthenticateChallenge[]> {
  try {
    await refused;
  } catch (error) {
    if (error instanceof oauth.WWWAuthenticateChallengeError) return error.cause;
    throw error;
  }
  assert.fail('it was not refused');
}
