import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type AccessToken, ClientCredentials, type ModuleOptions, ResourceOwnerPassword } from 'simple-oauth2';
import { LOGIN, type Provider, SECRET, startProvider } from './provider.ts';

const [BASIC, POST, PUBLIC] = ['basic+1@example.com', 'post+1@example.com', 'public@example.com'];

const rows: [sentence: string, client: ModuleOptions['client'], options: NonNullable<ModuleOptions['options']>][] = [
  ['in the header, form-encoded', { id: BASIC, secret: SECRET }, { authorizationMethod: 'header' }],
  [
    'in the header, as they are',
    { id: BASIC, secret: SECRET },
    { authorizationMethod: 'header', credentialsEncodingMode: 'loose' },
  ],
  ['in the body', { id: POST, secret: SECRET }, { authorizationMethod: 'body' }],
  // What it sends then is `client_secret=`, which counts as left out (RFC 6749 §3.2).
  ['in the body, without a secret', { id: PUBLIC, secret: '' }, { authorizationMethod: 'body' }],
];

const auth = ({ api }: Provider) => ({ tokenHost: api.origin, tokenPath: '/token', revokePath: '/revoke' });

async function callApi({ api }: Provider, { token }: AccessToken): Promise<number> {
  return (await fetch(api, { headers: { Authorization: `${token.token_type} ${token.access_token}` } })).status;
}

const refusedWith = (error: string) => (boom: { data?: { payload?: { error?: string } } }) => {
  assert.equal(boom.data?.payload?.error, error);
  return true;
};

describe('ResourceOwnerPassword of simple-oauth2 gets through with its credentials', () => {
  for (const [sentence, client, options] of rows) {
    test(sentence, async (context) => {
      const provider = await startProvider(context, { scheme: 'http' });
      const library = new ResourceOwnerPassword({ client, auth: auth(provider), options });
      const first = await library.getToken({ ...LOGIN, scope: ['read', 'write'] });
      assert.equal(first.token.scope, LOGIN.scope);
      assert.equal(first.expired(), false);
      assert.equal(await callApi(provider, first), 200);

      const second = await library.createToken(first.token).refresh({ scope: 'read' });
      assert.equal(second.token.scope, 'read');
      assert.equal(await callApi(provider, second), 200);

      await second.revokeAll();
      assert.equal(await callApi(provider, second), 401);
      await assert.rejects(second.refresh(), refusedWith('invalid_grant'));
      await assert.rejects(library.getToken({ ...LOGIN, password: 'wrong' }), refusedWith('invalid_grant'));
    });
  }
});

describe('ClientCredentials of simple-oauth2 gets through with its credentials', () => {
  for (const [sentence, client, options] of rows.filter(([, { id }]) => id !== PUBLIC)) {
    test(sentence, async (context) => {
      const provider = await startProvider(context, { scheme: 'http' });
      const library = new ClientCredentials({ client, auth: auth(provider), options });
      const own = await library.getToken({ scope: 'read' });
      assert.equal(await callApi(provider, own), 200);
      await own.revoke('access_token');
      assert.equal(await callApi(provider, own), 401);

      const wrong = new ClientCredentials({ client: { ...client, secret: 'wrong' }, auth: auth(provider), options });
      await assert.rejects(wrong.getToken({ scope: 'read' }), refusedWith('invalid_client'));
    });
  }
});
