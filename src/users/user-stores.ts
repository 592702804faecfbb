import { isAbsolute, join } from 'node:path';
import { ConfigError, type Problem } from '../config/problem.ts';
import type { Config, UserStoreConfig } from '../config/schema.ts';
import { isPlausiblePassword, isPlausibleUsername } from './credentials.ts';
import { FileUserStore } from './file.ts';
import type { HashVerifier } from './password-hash/hash-pool.ts';
import { PasswordChecker } from './password-hash/password-checker.ts';
import type { User, UserStore, Verdict } from './user-store.ts';

/** A verdict, and the name of the store that gave it; none gave `unknown`. */
export type LoginVerdict =
  | (Exclude<Verdict, { outcome: 'unknown' }> & { readonly store: string })
  | { readonly outcome: 'unknown'; readonly store?: undefined };

/** The user stores of a gateway, in the order in which they are tried. */
export class UserStores {
  readonly #stores: ReadonlyMap<string, UserStore>;

  constructor(stores: ReadonlyMap<string, UserStore>) {
    this.#stores = stores;
  }

  /**
   * The first store that knows the user decides: whom it refuses is not tried in the next. `names` are the stores to
   * try, in order; all by default. An unknown user costs what one check does.
   *
   * @throws GatewayError `temporarily_unavailable` when a store is out before one has decided.
   */
  async verify(
    username: string,
    password: string,
    names: readonly string[] = [...this.#stores.keys()],
  ): Promise<LoginVerdict> {
    const stores = names.map((name) => ({ name, store: this.#store(name) }));
    const plausible = isPlausibleUsername(username) && isPlausiblePassword(password);
    for (const { name, store } of plausible ? stores : []) {
      const verdict = await store.verify(username, password);
      if (verdict.outcome !== 'unknown') return { ...verdict, store: name };
    }
    await stores.at(-1)?.store.decoy(username, password);
    return { outcome: 'unknown' };
  }

  /** The user as the store has it now; undefined when it is gone or disabled, or the store is no longer configured. */
  async lookup(storeName: string, username: string): Promise<User | undefined> {
    return this.#stores.get(storeName)?.lookup(username);
  }

  async close(): Promise<void> {
    await Promise.all(Array.from(this.#stores.values(), (store) => store.close()));
  }

  #store(name: string): UserStore {
    const store = this.#stores.get(name);
    if (!store) throw new Error(`there is no user store ${name}`);
    return store;
  }
}

/** What opening a store may need besides its own section. */
interface Surroundings {
  /** Relative paths start here. */
  readonly directory: string;
  readonly hashes: HashVerifier;
  /** Is told what goes wrong later, where the store goes on with what it has. */
  readonly onProblem: (error: Error) => void;
}

type Opener = (config: UserStoreConfig, surroundings: Surroundings) => Promise<UserStore>;

/** Every kind of user store, by its `type`. */
const openers: Readonly<Record<UserStoreConfig['type'], Opener>> = {
  file: (config, { directory, hashes, onProblem }) => {
    const path = isAbsolute(config.path) ? config.path : join(directory, config.path);
    return FileUserStore.open(path, new PasswordChecker(hashes, config), onProblem);
  },
};

/**
 * Opens all stores. When some cannot be opened, the others are closed again.
 *
 * @throws ConfigError with the problems of all of them.
 */
export async function openUserStores(
  config: Config['users'],
  directory: string,
  hashes: HashVerifier,
  onProblem: (error: Error) => void,
): Promise<UserStores> {
  const stores = new Map<string, UserStore>();
  const failures: unknown[] = [];
  for (const [name, section] of Object.entries(config)) {
    const opening = openers[section.type](section, { directory, hashes, onProblem });
    await opening.then(
      (store) => stores.set(name, store),
      (error) => failures.push(error),
    );
  }
  const opened = new UserStores(stores);
  if (failures.length === 0) return opened;
  await opened.close();
  throw failures.find((failure) => !(failure instanceof ConfigError)) ?? new ConfigError(failures.flatMap(problemsOf));
}

function problemsOf(failure: unknown): readonly Problem[] {
  return failure instanceof ConfigError ? failure.problems : [];
}
