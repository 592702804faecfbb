import type { Store } from '../store/store.ts';
import type { RefreshToken } from './refresh-token.ts';
import { open, seal } from './sealing.ts';
import { SharedSecret } from './shared-secret.ts';

/** What a user store is asked with. */
export interface RefreshSubject {
  /** The name of the user store. */
  readonly store: string;
  readonly username: string;
}

/**
 * Seals into refresh tokens whom they are for: a user store can be asked before the token is used, without reading its
 * family first. Sealed, so that nobody has the gateway ask for users of their choice.
 */
export class RefreshSubjects {
  readonly #secret: SharedSecret;

  constructor(store: Store) {
    this.#secret = new SharedSecret(store, 'refresh-subjects');
  }

  /** @throws GatewayError `temporarily_unavailable` as long as the store has never answered. */
  async seal({ store, username }: RefreshSubject, family: string): Promise<Buffer> {
    return seal(Buffer.from(JSON.stringify({ store, username })), await this.#secret.get(), family);
  }

  /**
   * @returns undefined for a token that has none, or one that was sealed with another secret: by a gateway that goes on
   * with its own after the store was emptied. @throws GatewayError as `seal` does.
   */
  async open({ family, subject }: RefreshToken): Promise<RefreshSubject | undefined> {
    const key = await this.#secret.get();
    try {
      return JSON.parse(open(subject, key, family).toString());
    } catch {
      return undefined;
    }
  }
}
