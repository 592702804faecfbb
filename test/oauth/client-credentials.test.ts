import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeJwt } from 'jose';
import { PASSWORD, requestToken, startGateway } from '../support/gateway.ts';

const robot = {
  id: 'robot',
  auth: 'client_secret_basic',
  secret: 'r',
  grants: ['client_credentials'],
  scopes: ['read', 'write'],
  default_scopes: ['read'],
};
const AS_ROBOT = { Authorization: `Basic ${Buffer.from('robot:r').toString('base64')}` };
const FORM = { grant_type: 'client_credentials' };

const claims = {
  tenant: 'acme',
  customData: { tenant: 'acme', cn: '{user.cn}' },
  label: 'user {user.username}',
  roles: ['{user.groups}'],
  plain: { list: [1, true, null, 'text'] },
};

test('a client gets an access token of its own, and nothing else', async (context) => {
  const gateway = await startGateway(context, {
    clients: [robot],
    tokens: { issuer: 'https://gateway.example/auth', audience: 'https://api.example', claims },
  });
  const { status, body } = await requestToken(gateway, FORM, AS_ROBOT);
  assert.equal(status, 200);
  assert.deepEqual(Object.keys(body).sort(), ['access_token', 'expires_in', 'scope', 'token_type']);
  const { jti, iat, exp, ...told } = decodeJwt(body.access_token ?? '');
  assert.deepEqual(told, {
    iss: 'https://gateway.example/auth',
    aud: 'https://api.example',
    sub: 'robot',
    client_id: 'robot',
    scope: 'read',
    // Those that read no user.
    tenant: 'acme',
    plain: { list: [1, true, null, 'text'] },
  });
  const { grant_types_supported } = (await (
    await fetch(`${gateway.url}/.well-known/oauth-authorization-server`)
  ).json()) as Record<string, unknown>;
  assert.deepEqual(grant_types_supported, ['client_credentials']);
});

test('a client that also logs users in gets no refresh token or ID token for itself', async (context) => {
  const grants = ['password', 'refresh_token', 'client_credentials'];
  const gateway = await startGateway(context, { clients: [{ ...robot, grants, id_token: true }] });
  const own = await requestToken(gateway, FORM, AS_ROBOT);
  assert.deepEqual([own.body.refresh_token, own.body.id_token], [undefined, undefined]);
  const user = { grant_type: 'password', username: 'ann', password: PASSWORD };
  const login = await requestToken(gateway, user, AS_ROBOT);
  assert.ok(login.body.refresh_token && login.body.id_token);
});

const refused: [sentence: string, form: object, headers: Record<string, string>, answer: string][] = [
  ['a scope that it does not have', { scope: 'read admin' }, AS_ROBOT, '400 invalid_scope'],
  ['a wrong secret', {}, { Authorization: `Basic ${Buffer.from('robot:x').toString('base64')}` }, '401 invalid_client'],
  ['no secret', { client_id: 'robot' }, {}, '401 invalid_client'],
  ['a client without the grant', { client_id: 'spa' }, {}, '400 unauthorized_client'],
];
test('who may not have one is refused', async (context) => {
  const spa = { id: 'spa', auth: 'none', grants: ['password'], scopes: ['read'] };
  const gateway = await startGateway(context, { clients: [robot, spa] });
  for (const [sentence, form, headers, answer] of refused) {
    const { status, body } = await requestToken(gateway, { ...FORM, ...form }, headers);
    assert.equal(`${status} ${body.error}`, answer, sentence);
  }
});
