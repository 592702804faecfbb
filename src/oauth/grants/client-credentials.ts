import { grantedScope } from '../scope.ts';
import type { Grant, Granted, GrantRequest } from './grant.ts';

/** A client on its own behalf (RFC 6749 §4.4). It is its own subject (RFC 9068 §2.2), and gets no refresh token (§4.4.3). */
export class ClientCredentialsGrant implements Grant {
  readonly type = 'client_credentials';

  async authorize({ form, client }: GrantRequest): Promise<Granted> {
    const grant = { subject: client.id, clientId: client.id, scope: grantedScope(form, client), login: undefined };
    return { grant, refreshToken: undefined };
  }
}
