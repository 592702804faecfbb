import assert from 'node:assert/strict';
import { test } from 'node:test';
import { importPKCS8, SignJWT } from 'jose';
import { parse } from 'yaml';
import { postern } from '../support/cli.ts';
import { PASSWORD, requestToken, startGateway } from '../support/gateway.ts';

interface NewClient {
  readonly id: string;
  readonly name?: string;
  readonly auth: string;
  readonly secret?: string;
}

const JWT_BEARER = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

/** What the client of each method sends, from what it was told. */
const methods: Record<string, (client: NewClient, told: string) => Promise<{ form: object; headers?: object }>> = {
  none: async ({ id }) => ({ form: { client_id: id } }),
  client_secret_basic: async ({ id }, told) => ({
    form: {},
    headers: { Authorization: `Basic ${Buffer.from(`${id}:${secretIn(told)}`).toString('base64')}` },
  }),
  client_secret_post: async ({ id }, told) => ({ form: { client_id: id, client_secret: secretIn(told) } }),
  client_secret_jwt: async ({ id, secret = '' }, told) => {
    // What the operator does: the variable that gateway.yaml names is the one that they were told.
    const variable = /in the environment variable (\w+)/.exec(told)?.[1] ?? '';
    assert.equal(secret, `\${${variable}}`);
    process.env[variable] = secretIn(told);
    return {
      form: assertionOf(
        await claims(id)
          .setProtectedHeader({ alg: 'HS256' })
          .sign(Buffer.from(secretIn(told))),
      ),
    };
  },
  private_key_jwt: async ({ id }, told) => {
    const key = await importPKCS8(/-----BEGIN.+END PRIVATE KEY-----/s.exec(told)?.[0] ?? '', 'ES256');
    const kid = /^kid: (\S+)$/m.exec(told)?.[1] ?? '';
    return { form: assertionOf(await claims(id).setProtectedHeader({ alg: 'ES256', kid }).sign(key)) };
  },
};

for (const [auth, evidence] of Object.entries(methods)) {
  test(`postern client new makes a client with ${auth}, which can log in`, async (context) => {
    const { code, stdout, stderr } = await postern(['client', 'new', '--auth', auth, '--name', 'Reise: App']);
    assert.equal(code, 0, stderr);
    const { clients } = parse(`clients:\n${stdout}`);
    assert.deepEqual([clients.length, clients[0].auth, clients[0].name], [1, auth, 'Reise: App']);
    const { form, headers = {} } = await evidence(clients[0], stderr);
    const gateway = await startGateway(context, { clients });
    const login = { grant_type: 'password', username: 'ann', password: PASSWORD, ...form };
    const { status, body } = await requestToken(gateway, login, { ...headers });
    assert.equal(status, 200, body.error_description);
  });
}

test('postern client new never makes the same client twice, and keeps its secret from standard output', async () => {
  const made = [await postern(['client', 'new']), await postern(['client', 'new'])];
  const clients = made.map(({ stdout }) => parse(stdout)[0]);
  assert.notEqual(clients[0].id, clients[1].id);
  assert.notEqual(clients[0].secret_sha256, clients[1].secret_sha256);
  for (const { stdout, stderr } of made) {
    assert.equal(Buffer.from(secretIn(stderr), 'base64url').length, 32);
    assert.ok(!stdout.includes(secretIn(stderr)));
  }
});

function secretIn(told: string): string {
  return /^client_secret: (\S+)$/m.exec(told)?.[1] ?? assert.fail('no secret was told');
}

function claims(id: string): SignJWT {
  const audience = 'https://gateway.example/auth';
  return new SignJWT({}).setIssuer(id).setSubject(id).setAudience(audience).setExpirationTime('1m').setJti(id);
}

function assertionOf(assertion: string): object {
  return { client_assertion_type: JWT_BEARER, client_assertion: assertion };
}
