import { describe, test } from 'node:test';
import * as openid from 'openid-client';
import type { Identity } from '../support/certificates.ts';
import { type Application, goAllTheWay } from './application.ts';
import { fetchAs, keys, LOGIN, type Provider, SECRET, startProvider } from './provider.ts';

/** An application that is written with openid-client. */
function createApplication(config: openid.Configuration, { api }: Provider, DPoP?: openid.DPoPHandle): Application {
  const options = DPoP && { DPoP };
  return {
    clientId: config.clientMetadata().client_id,
    tokenType: DPoP ? 'dpop' : 'bearer',
    logIn: async () => {
      const tokens = await openid.genericGrantRequest(config, 'password', LOGIN, options);
      return { ...tokens, subject: tokens.claims()?.sub };
    },
    refresh: (token) => openid.refreshTokenGrant(config, token, undefined, options),
    actOnItsOwn: () => openid.clientCredentialsGrant(config, undefined, options),
    introspect: (token) => openid.tokenIntrospection(config, token),
    revoke: (token) => openid.tokenRevocation(config, token),
    callApi: (token) => callApi(config, token, api, options),
  };
}

/** The library throws for a refusal that has a challenge which it can read. */
async function callApi(
  config: openid.Configuration,
  token: string,
  api: URL,
  options?: openid.DPoPOptions,
): Promise<number> {
  try {
    return (await openid.fetchProtectedResource(config, token, api, 'GET', null, undefined, options)).status;
  } catch (error) {
    if (error instanceof openid.WWWAuthenticateChallengeError) return error.status;
    throw error;
  }
}

const { issued, selfSigned, pairs } = keys;

const rows: [method: string, clientId: string, authentication: openid.ClientAuth, identity?: Identity][] = [
  ['None', 'public@example.com', openid.None()],
  ['ClientSecretBasic', 'basic+1@example.com', openid.ClientSecretBasic(SECRET)],
  ['ClientSecretPost', 'post+1@example.com', openid.ClientSecretPost(SECRET)],
  ['ClientSecretJwt', 'hmac', openid.ClientSecretJwt(SECRET)],
  ...[...pairs].map(([algorithm, { privateKey }]): [string, string, openid.ClientAuth] => [
    `PrivateKeyJwt with ${algorithm}`,
    algorithm,
    openid.PrivateKeyJwt(privateKey),
  ]),
  ['TlsClientAuth, with tokens bound to its certificate', 'named', openid.TlsClientAuth(), issued],
  ['TlsClientAuth with a certificate of its own', 'self-signed', openid.TlsClientAuth(), selfSigned],
];

describe('openid-client gets through over TLS', () => {
  for (const [method, clientId, authentication, identity] of rows) {
    test(`with ${method}`, async (context) => {
      const provider = await startProvider(context);
      const config = await openid.discovery(provider.issuer, clientId, undefined, authentication, {
        [openid.customFetch]: fetchAs(context, identity),
        // Signatures of ID tokens are looked at too.
        execute: [openid.enableNonRepudiationChecks],
      });
      await goAllTheWay(createApplication(config, provider), method === 'None');
    });
  }
});

test('openid-client gets through with DPoP, and learns the nonces by itself', async (context) => {
  const provider = await startProvider(context);
  const config = await openid.discovery(provider.issuer, 'dpop', undefined, openid.ClientSecretBasic(SECRET), {
    [openid.customFetch]: fetchAs(context),
  });
  const handle = openid.getDPoPHandle(config, await openid.randomDPoPKeyPair('ES256'));
  await goAllTheWay(createApplication(config, provider, handle));
});

describe('openid-client gets through over http', () => {
  for (const algorithm of ['oidc', 'oauth2'] as const) {
    test(`after discovery by ${algorithm}, with the secret as its third argument`, async (context) => {
      const provider = await startProvider(context, { scheme: 'http' });
      const config = await openid.discovery(provider.issuer, 'post+1@example.com', SECRET, undefined, {
        algorithm,
        execute: [openid.allowInsecureRequests, openid.enableNonRepudiationChecks],
      });
      await goAllTheWay(createApplication(config, provider));
    });
  }
});
