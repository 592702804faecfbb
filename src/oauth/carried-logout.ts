import type { JWTPayload } from 'jose';
import { describeCause, type Log } from '../observe/log.ts';
import type { CarriedSessions } from '../tokens/carried-sessions.ts';
import type { FamilyGrant } from '../tokens/refresh-families.ts';
import type { UserStores } from '../users/user-stores.ts';

/** Ends the session that a login has opened in an application, once the login itself has ended: beside the answer. */
export class CarriedLogout {
  readonly #carried: CarriedSessions;
  readonly #users: UserStores;
  readonly #log: Log;

  constructor(carried: CarriedSessions, users: UserStores, log: Log) {
    this.#carried = carried;
    this.#users = users;
    this.#log = log;
  }

  ofFamily({ carry }: FamilyGrant): void {
    if (carry !== undefined) this.#begin(carry);
  }

  /** @param claims of an access token that no family stands behind */
  ofToken(claims: JWTPayload): void {
    const carry = this.#carried.sealedIn(claims);
    if (carry !== undefined) this.#begin(carry);
  }

  #begin(carry: string): void {
    this.#end(carry).catch((error) => {
      this.#log.warn({ cause: describeCause(error) }, 'session of an application not ended');
    });
  }

  async #end(carry: string): Promise<void> {
    const session = await this.#carried.open(carry);
    if (session) this.#users.logout(session.store, session.values);
  }
}
