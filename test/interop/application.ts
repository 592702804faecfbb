import assert from 'node:assert/strict';
import { LOGIN } from './provider.ts';

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
  /** Bearer, unless said otherwise. */
  readonly tokenType?: string;
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
  assert.deepEqual(
    [first.token_type.toLowerCase(), first.expires_in, first.scope],
    [application.tokenType ?? 'bearer', 900, LOGIN.scope],
  );
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
