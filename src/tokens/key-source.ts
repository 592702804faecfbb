import type { KeySet } from './key-set.ts';
import type { KeyTimes, RotateRequest, Scheduled } from './rotation.ts';

/** Where the signing keys are kept: `keys_dir`, or the store. */
export interface KeySource {
  /**
   * Reads the keys again and does what is due: makes the first key, or the next. If it fails, what was read before stays.
   *
   * @throws GatewayError `temporarily_unavailable` while the store is out; Error when keys cannot be used.
   */
  refresh(): Promise<void>;
  /** Whether `refresh` has a first key to make. @throws as `refresh` does, also where a key could not be kept. */
  isEmpty(): Promise<boolean>;
  /** What the keys that were read last do now. They take over from each other also while nothing can be read. */
  current(): KeySet;
  /** Reads what there is, and changes nothing. */
  list(): Promise<readonly Scheduled<KeyTimes>[]>;
  /** Makes a key, published from now on. @throws as `refresh` does, and Error when the key could not take over. */
  rotate(request: RotateRequest): Promise<KeyTimes>;
}
