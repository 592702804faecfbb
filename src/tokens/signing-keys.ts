import { resolve } from 'node:path';
import type { TokensConfig } from '../config/schema.ts';
import type { Store } from '../store/store.ts';
import type { KeySet } from './key-set.ts';
import { readKeysDirectory } from './keys-directory.ts';
import { readStoredKeys } from './stored-keys.ts';

/**
 * The keys that tokens are signed and verified with, from `keys_dir` or from the store.
 *
 * A store that is out when the gateway starts is no reason not to start: the keys are asked for again with the next
 * request that needs them, and until then that request is refused as unavailable.
 */
export class SigningKeys {
  readonly #read: () => Promise<KeySet>;
  #reading: Promise<KeySet> | undefined;
  #current: KeySet | undefined;

  constructor(config: TokensConfig['signing'], directory: string, store: Store) {
    const { algorithm, keys_dir } = config;
    this.#read =
      keys_dir === undefined
        ? () => readStoredKeys(store, algorithm)
        : () => readKeysDirectory(resolve(directory, keys_dir), algorithm);
  }

  /** The keys, once they have been read; undefined before. */
  get loaded(): KeySet | undefined {
    return this.#current;
  }

  /** @throws GatewayError `temporarily_unavailable` while the store that has the keys is out. */
  async load(): Promise<KeySet> {
    if (this.#current) return this.#current;
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    this.#current = await this.#reading;
    return this.#current;
  }
}
