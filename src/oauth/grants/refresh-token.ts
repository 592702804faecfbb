import { GatewayError } from '../../errors.ts';
import type { CarriedSessions } from '../../tokens/carried-sessions.ts';
import type { FamilyGrant, FamilyOwner, RefreshFamilies } from '../../tokens/refresh-families.ts';
import type { User } from '../../users/user-store.ts';
import type { UserStores } from '../../users/user-stores.ts';
import { ownerOf } from '../binding.ts';
import { requiredParameter } from '../form.ts';
import { requestedScope } from '../scope.ts';
import type { Grant, Granted, GrantRequest } from './grant.ts';

/** Exchanges a refresh token for an access token and its successor (RFC 6749 §6, RFC 9700 §4.14). */
export class RefreshTokenGrant implements Grant {
  readonly type = 'refresh_token';
  readonly #families: RefreshFamilies;
  readonly #users: UserStores;
  readonly #carried: CarriedSessions;

  constructor(parts: { families: RefreshFamilies; users: UserStores; carried: CarriedSessions }) {
    this.#families = parts.families;
    this.#users = parts.users;
    this.#carried = parts.carried;
  }

  async authorize({ form, client, confirmation }: GrantRequest): Promise<Granted> {
    const presented = requiredParameter(form, 'refresh_token');
    const owner = ownerOf(client, confirmation);
    const user = await this.#lookup(presented, owner);
    const narrower = requestedScope(form);
    const use = { ...owner, ...(narrower && { scope: narrower }) };
    const { grant: family, token, sessionId } = await this.#families.use(presented, use, client.refresh);
    // What was no good a moment ago is refused by `use`, with its consequences.
    if (user === undefined) throw new GatewayError('invalid_grant');
    const grant = {
      subject: family.user.sub,
      clientId: client.id,
      // What the client may no longer have since the family began is left out.
      scope: (narrower ?? family.scope).filter((scope) => client.scopes.includes(scope)),
      login: { attributes: user.attributes, authTime: family.authTime, sessionId, carry: family.carry },
    };
    return { grant, refreshToken: token };
  }

  /**
   * The user behind a token as the user store has it now; undefined where the token is no good. Asked before the token is
   * used up, so that it is still good when a user store was out.
   *
   * @throws GatewayError `invalid_grant` for one that is gone or disabled, or whose carried session is over: the family
   * ends too.
   */
  async #lookup(presented: string, owner: FamilyOwner): Promise<User | undefined> {
    const family = await this.#families.peek(presented, owner);
    if (family === undefined) return undefined;
    const user = await this.#lookupUser(family.grant);
    if (user) return user;
    await this.#families.end(family.sessionId);
    throw new GatewayError('invalid_grant');
  }

  async #lookupUser({ user, carry }: FamilyGrant): Promise<User | undefined> {
    if (carry === undefined) return this.#users.lookup(user.store, user);
    const session = await this.#carried.open(carry);
    return session && this.#users.lookup(user.store, user, session.values);
  }
}
