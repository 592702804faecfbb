import { GatewayError } from '../../errors.ts';
import type { RefreshFamilies } from '../../tokens/refresh-families.ts';
import type { UserStores } from '../../users/user-stores.ts';
import { parameter } from '../form.ts';
import { requestedScope } from '../scope.ts';
import type { Grant, Granted, GrantRequest } from './grant.ts';

/** Exchanges a refresh token for an access token and its successor (RFC 6749 §6, RFC 9700 §4.14). */
export class RefreshTokenGrant implements Grant {
  readonly type = 'refresh_token';
  readonly #families: RefreshFamilies;
  readonly #users: UserStores;

  constructor(parts: { families: RefreshFamilies; users: UserStores }) {
    this.#families = parts.families;
    this.#users = parts.users;
  }

  async authorize({ form, client }: GrantRequest): Promise<Granted> {
    const presented = parameter(form, 'refresh_token');
    if (presented === undefined) {
      throw new GatewayError('invalid_request', { description: 'refresh_token is needed.' });
    }
    const narrower = requestedScope(form);
    const use = { clientId: client.id, ...(narrower && { scope: narrower }) };
    const { grant: family, token } = await this.#families.use(presented, use, client.refresh);
    // As the store knows the user now: one that is gone or disabled since gets no more tokens.
    const user = await this.#users.lookup(family.user.store, family.user);
    if (user === undefined) {
      await this.#families.revoke(token, client.id);
      throw new GatewayError('invalid_grant');
    }
    const grant = {
      subject: family.user.sub,
      clientId: client.id,
      // What the client may no longer have since the family began is left out.
      scope: (narrower ?? family.scope).filter((scope) => client.scopes.includes(scope)),
      attributes: user.attributes,
      authTime: family.authTime,
    };
    return { grant, refreshToken: token };
  }
}
