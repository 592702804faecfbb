import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createRemoteJWKSet, type JWTVerifyOptions, jwtVerify } from 'jose';
import * as openid from 'openid-client';
import { AUDIENCE, LOGIN, SECRET, startProvider } from './provider.ts';

describe('an API that verifies tokens itself, with jose', () => {
  for (const algorithm of ['RS256', 'PS256', 'ES256', 'EdDSA']) {
    test(`finds the key, and knows an access token from an ID token: ${algorithm}`, async (context) => {
      const { issuer } = await startProvider(context, { scheme: 'http', algorithm });
      const config = await openid.discovery(issuer, 'post+1@example.com', SECRET, undefined, {
        execute: [openid.allowInsecureRequests],
      });
      const { issuer: name, jwks_uri = '' } = config.serverMetadata();
      const { access_token, id_token = '' } = await openid.genericGrantRequest(config, 'password', LOGIN);

      const keys = createRemoteJWKSet(new URL(jwks_uri));
      const rules: JWTVerifyOptions = { issuer: name, audience: AUDIENCE, typ: 'at+jwt', algorithms: [algorithm] };
      const { payload } = await jwtVerify(access_token, keys, rules);
      assert.deepEqual([payload.sub, payload.scope], ['u-1', LOGIN.scope]);

      const asIdToken = { ...rules, audience: 'post+1@example.com' };
      await assert.rejects(jwtVerify(id_token, keys, asIdToken), {
        code: 'ERR_JWT_CLAIM_VALIDATION_FAILED',
        claim: 'typ',
      });
      await jwtVerify(id_token, keys, { ...asIdToken, typ: 'JWT' });
    });
  }
});
