import { GatewayError } from '../../errors.ts';
import type { CarriedSessions } from '../../tokens/carried-sessions.ts';
import type { FamilyGrant, FamilyOwner, RefreshFamilies } from '../../tokens/refresh-families.ts';
import type { PresentUser, UserStores } from '../../users/user-stores.ts';
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
    const narrower = requestedScope(form);
    const owner = ownerOf(client, confirmation);
    // Before the token is used, so that it is still good when a user store was out.
    const present = await this.#lookup(presented, owner);
    const use = { ...owner, ...(narrower && { scope: narrower }) };
    const { grant: family, token, sessionId } = await this.#families.use(presented, use, client.refresh);
    if (present === undefined) return this.#end(sessionId);
    const grant = {
      subject: family.user.sub,
      clientId: client.id,
      // What the client may no longer have since the family began is left out.
      scope: (narrower ?? family.scope).filter((scope) => client.scopes.includes(scope)),
      login: {
        attributes: (present === 'as at the login' ? family.user : present).attributes,
        authTime: family.authTime,
        sessionId,
        carry: family.carry,
      },
    };
    return { grant, refreshToken: token };
  }

  /** The user behind a token, which may be good or not. Most tokens say by themselves whose they are. */
  async #lookup(presented: string, owner: FamilyOwner): Promise<PresentUser> {
    const subject = await this.#families.subjectOf(presented);
    if (subject) return this.#users.lookup(subject.store, subject.username);
    const family = await this.#families.peek(presented, owner);
    return family && this.#lookupUser(family.grant);
  }

  async #lookupUser({ user, carry }: FamilyGrant): Promise<PresentUser> {
    if (carry === undefined) return this.#users.lookup(user.store, user.username);
    const session = await this.#carried.open(carry);
    return session && this.#users.resume(user.store, user, session.values);
  }

  /** For a user who is gone or disabled, or whose carried session is over. */
  async #end(sessionId: string): Promise<never> {
    await this.#families.end(sessionId);
    throw new GatewayError('invalid_grant');
  }
}
