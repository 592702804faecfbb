import type { Store } from '../store/store.ts';
import type { Family, RefreshFamilies } from './refresh-families.ts';
import { SessionIndex } from './session-index.ts';

/** The sessions of users, for operators: a session is a family of refresh tokens that may still be used. */
export class Sessions {
  readonly #families: RefreshFamilies;
  readonly #index: SessionIndex;

  constructor(families: RefreshFamilies, store: Store) {
    this.#families = families;
    this.#index = new SessionIndex(store);
  }

  /**
   * The sessions of all users whose name differs from this one in upper and lower case only, as login limits have it.
   *
   * @param clientId only those of this client; undefined for all
   */
  async list(username: string, clientId?: string): Promise<readonly Family[]> {
    const ids = await this.#index.list(username);
    const found = await Promise.all(ids.map((id) => this.#families.read(id)));
    const gone = ids.filter((_, position) => found[position] === undefined);
    await this.#index.remove(username, gone);
    const sessions = found.filter((family) => family !== undefined);
    return sessions.filter(({ grant }) => clientId === undefined || grant.clientId === clientId);
  }

  /** Ends the sessions that `list` would give. @returns how many there were */
  async endAll(username: string, clientId?: string): Promise<number> {
    const sessions = await this.list(username, clientId);
    const ended = await Promise.all(sessions.map(({ sessionId }) => this.end(sessionId)));
    return ended.filter(Boolean).length;
  }

  /** @returns whether there was such a session */
  end(sessionId: string): Promise<boolean> {
    return this.#families.end(sessionId);
  }
}
