import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { login, startGateway } from '../support/gateway.ts';

const METADATA_PATHS = [
  '/.well-known/oauth-authorization-server',
  '/.well-known/openid-configuration',
  '/.well-known/oauth-authorization-server/auth',
  '/auth/.well-known/openid-configuration',
];

describe('metadata', () => {
  test('is the same wherever clients look for it, and true', async (context) => {
    const gateway = await startGateway(context);
    for (const path of METADATA_PATHS) {
      const response = await fetch(gateway.url + path);
      assert.equal(response.status, 200, path);
      assert.match(response.headers.get('cache-control') ?? '', /^public, max-age=\d+$/);
      assert.deepEqual(
        await response.json(),
        {
          issuer: 'https://gateway.example/auth',
          token_endpoint: 'https://gateway.example/token',
          revocation_endpoint: 'https://gateway.example/revoke',
          introspection_endpoint: 'https://gateway.example/introspect',
          jwks_uri: 'https://gateway.example/.well-known/jwks.json',
          response_types_supported: [],
          grant_types_supported: ['password', 'refresh_token'],
          token_endpoint_auth_methods_supported: ['client_secret_basic'],
          revocation_endpoint_auth_methods_supported: ['client_secret_basic'],
          introspection_endpoint_auth_methods_supported: ['client_secret_basic'],
          scopes_supported: ['read', 'write'],
          tls_client_certificate_bound_access_tokens: false,
          subject_types_supported: ['public'],
          id_token_signing_alg_values_supported: ['ES256'],
        },
        path,
      );
    }
  });

  test('does not follow the Host header', async (context) => {
    const gateway = await startGateway(context);
    const response = await fetch(gateway.url + METADATA_PATHS[0], { headers: { 'X-Forwarded-Host': 'evil.example' } });
    assert.doesNotMatch(await response.text(), /evil/);
  });

  test('is for GET and HEAD', async (context) => {
    const gateway = await startGateway(context);
    const response = await fetch(gateway.url + METADATA_PATHS[0], { method: 'POST' });
    assert.equal(response.status, 405);
    assert.equal(response.headers.get('allow'), 'GET, HEAD');
  });
});

describe('the JWKS', () => {
  for (const algorithm of ['RS256', 'PS256', 'ES256', 'EdDSA']) {
    test(`verifies a token signed with ${algorithm}, and holds no private part`, async (context) => {
      const gateway = await startGateway(context, {
        tokens: { issuer: 'https://gateway.example/auth', audience: 'https://api.example', signing: { algorithm } },
      });
      const response = await fetch(`${gateway.url}/.well-known/jwks.json`);
      assert.match(response.headers.get('cache-control') ?? '', /^public, max-age=\d+$/);
      const jwks = (await response.json()) as { keys: Record<string, string>[] };
      assert.deepEqual(
        jwks.keys
          .flatMap((key) => Object.keys(key))
          .filter((member) => ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k'].includes(member)),
        [],
      );
      assert.deepEqual(
        jwks.keys.map(({ alg, use }) => ({ alg, use })),
        [{ alg: algorithm, use: 'sig' }],
      );
      const { access_token = '' } = (await login(gateway)).body;
      const { payload } = await jwtVerify(access_token, createLocalJWKSet(jwks as never), { typ: 'at+jwt' });
      assert.equal(payload.sub, 'u-1');
    });
  }
});
