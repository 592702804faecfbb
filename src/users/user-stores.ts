import { resolve } from 'node:path';
import { versionOf } from '../config/file-version.ts';
import { attemptAll, type Finding } from '../config/finding.ts';
import { namedByUsers } from '../config/named-files.ts';
import { ConfigError, type Problem } from '../config/problem.ts';
import { readConfiguredFile } from '../config/read-text.ts';
import type { Config, FileUsersConfig, SqlUsersConfig, UserStoreConfig } from '../config/schema.ts';
import { OVERLAY } from '../config/user-store-sections.ts';
import { GatewayError } from '../errors.ts';
import type { Lease } from '../lease.ts';
import type { UserStoreEvents } from '../observe/user-store-events.ts';
import { MemoryStore } from '../store/memory.ts';
import type { Store } from '../store/store.ts';
import { isPlausiblePassword, isPlausibleUsername } from './credentials.ts';
import { FileUserStore } from './file.ts';
import { HashOverlay } from './hash-overlay.ts';
import { HashedPasswords } from './hashed-passwords.ts';
import { ModuleUserStore } from './module.ts';
import { type HashMaker, HashPool } from './password-hash/hash-pool.ts';
import { PasswordChecker } from './password-hash/password-checker.ts';
import { type HashKeeper, PasswordUpgrades, type UpgradeReport } from './password-upgrades.ts';
import { ShadowLogins } from './shadow-logins.ts';
import { BoundedDatabase, type Database } from './sql/bounded-database.ts';
import { SqlUserStore } from './sql/sql.ts';
import type { Carried, User, UserStore, Verdict } from './user-store.ts';

const MAX_CA_BYTES = 1024 ** 2;

/** A verdict, and the name of the store that gave it; none gave `unknown`. */
export type LoginVerdict =
  | (Exclude<Verdict, { outcome: 'unknown' }> & { readonly store: string })
  | { readonly outcome: 'unknown'; readonly store?: undefined };

/**
 * A user as the store has it now; undefined when it is gone or disabled, its session is over, or the store is no longer
 * configured. In a store that cannot be asked, users stay as they were at the login.
 */
export type PresentUser = User | 'as at the login' | undefined;

/** How a store stands among the others. */
export type SearchPolicy = Pick<UserStoreConfig, 'optional' | 'continue_on_reject' | 'shadow'>;

/** The user stores of a gateway, in the order in which they are tried. */
export class UserStores {
  readonly #stores: ReadonlyMap<string, UserStore>;
  readonly #policies: Readonly<Record<string, SearchPolicy>>;
  readonly #events: Pick<UserStoreEvents, 'warn' | 'shadowed'>;
  /** By the name of the store that has a shadow. */
  readonly #shadows = new Map<string, ShadowLogins>();
  /** All but those that are there as shadows. */
  readonly #order: readonly string[];

  constructor(
    stores: ReadonlyMap<string, UserStore>,
    policies: Readonly<Record<string, SearchPolicy>> = {},
    events: Pick<UserStoreEvents, 'warn' | 'shadowed'> = { warn: () => {}, shadowed: () => {} },
  ) {
    this.#stores = stores;
    this.#policies = policies;
    this.#events = events;
    const shadows = Object.values(policies).map(({ shadow }) => shadow);
    this.#order = [...stores.keys()].filter((name) => !shadows.includes(name));
    for (const [store, { shadow }] of Object.entries(policies)) {
      if (shadow !== undefined) this.#shadows.set(store, this.#openShadow(store, shadow));
    }
  }

  /**
   * The first store that knows the user decides: whom it refuses is not tried in the next, unless it says
   * `continue_on_reject`. `names` are the stores to try, in order; by default all but shadows. An unknown user costs
   * what one check does.
   *
   * @throws GatewayError `temporarily_unavailable` when a store is out before one has decided. One that is `optional`
   * does not stop the search, but where nobody else decides, nobody has.
   */
  async verify(username: string, password: string, names: readonly string[] = this.#order): Promise<LoginVerdict> {
    const stores = names.map((name) => ({ name, store: this.#store(name) }));
    const plausible = isPlausibleUsername(username) && isPlausiblePassword(password);
    const decision = plausible ? await this.#search(username, password, stores) : undefined;
    if (decision) return decision;
    await stores.at(-1)?.store.decoy(username, password);
    return { outcome: 'unknown' };
  }

  /** What the store says of the user now. */
  async lookup(storeName: string, username: string): Promise<PresentUser> {
    const store = this.#stores.get(storeName);
    return store?.lookup ? store.lookup(username) : store && 'as at the login';
  }

  /** As `lookup`, for a login that has opened a session in the application that knows the user. */
  async resume(storeName: string, user: User, carried: Carried): Promise<PresentUser> {
    const store = this.#stores.get(storeName);
    return store?.resume ? store.resume(user, carried) : this.lookup(storeName, user.username);
  }

  /** Ends the session of a login, in the background. */
  logout(storeName: string, carried: Carried): void {
    this.#stores.get(storeName)?.logout?.(carried);
  }

  /** Ends what is done beside logins. The stores stay open. */
  async close(): Promise<void> {
    await Promise.all(Array.from(this.#shadows.values(), (shadow) => shadow.close()));
  }

  async #search(username: string, password: string, stores: readonly NamedStore[]): Promise<LoginVerdict | undefined> {
    let refusal: LoginVerdict | undefined;
    const outages: unknown[] = [];
    for (const { name, store } of stores) {
      const policy = this.#policies[name];
      const verdict = await store.verify(username, password).catch((error: unknown) => {
        if (!policy?.optional) throw error;
        this.#events.warn('user store passed over', { store: name, cause: causeOf(error) });
        outages.push(error);
      });
      if (verdict) this.#shadows.get(name)?.compare(username, password, verdict.outcome);
      if (!verdict || verdict.outcome === 'unknown') continue;
      const decision = { ...verdict, store: name };
      if (verdict.outcome === 'accepted' || !policy?.continue_on_reject) return decision;
      refusal ??= decision;
    }
    if (outages.length > 0) throw outages[0];
    return refusal;
  }

  #openShadow(store: string, shadow: string): ShadowLogins {
    return new ShadowLogins(this.#store(shadow), (login) => this.#events.shadowed({ store, shadow, ...login }));
  }

  #store(name: string): UserStore {
    const store = this.#stores.get(name);
    if (!store) throw new Error(`there is no user store ${name}`);
    return store;
  }
}

interface NamedStore {
  readonly name: string;
  readonly store: UserStore;
}

/** What opening a store may need besides its own section. */
interface Surroundings {
  /** What the store is called. */
  readonly name: string;
  /** Where a path of the configuration leads. */
  readonly pathOf: (path: string) => string;
  /** The versions of the files that its section names. */
  readonly versions: readonly string[];
  readonly hashes: HashMaker;
  /** The gateway's own store. */
  readonly store: Store;
  readonly events: UserStoreEvents;
  readonly warn: (problem: string, error: unknown) => void;
}

/** Every kind of user store, by its `type`. What talks to a server comes with its driver, only if it is configured. */
async function openStore(config: UserStoreConfig, surroundings: Surroundings): Promise<UserStore> {
  const { pathOf, versions, warn } = surroundings;
  switch (config.type) {
    case 'file':
      return new FileUserStore(pathOf(config.path), openPasswords(config, surroundings));
    case 'sql': {
      const database = new BoundedDatabase(await openDatabase(config, readCa(config, pathOf)), config);
      return new SqlUserStore(database, openPasswords(config, surroundings, database));
    }
    case 'ldap': {
      const { LdapUserStore } = await import('./ldap/ldap.ts');
      const onPassedOver = (url: string, error: unknown) => warn(`LDAP server ${url} passed over`, error);
      return new LdapUserStore(config, readCa(config, pathOf), onPassedOver);
    }
    case 'legacy_login': {
      const { LegacyLoginUserStore } = await import('./legacy-login/legacy-login.ts');
      const onNotEnded = (error: unknown) => warn('session of an application not ended', error);
      return new LegacyLoginUserStore(config, readCa(config, pathOf), onNotEnded);
    }
    case 'oauth': {
      const { OAuthUserStore } = await import('./oauth.ts');
      return new OAuthUserStore(config, readCa(config, pathOf));
    }
    case 'module':
      return ModuleUserStore.open(pathOf(config.path), versions.join(), config);
  }
}

/** @param database where the new hashes are kept, unless `rehash` says an overlay */
function openPasswords(
  config: FileUsersConfig | SqlUsersConfig,
  { name, hashes, store, events }: Surroundings,
  database?: HashKeeper,
): HashedPasswords {
  const checker = new PasswordChecker(hashes, config);
  if (config.rehash === undefined) return new HashedPasswords(checker);
  const keeper = config.rehash === OVERLAY || !database ? new HashOverlay(store, name, hashes) : database;
  const report: UpgradeReport = (upgrade) => events.upgraded({ store: name, ...upgrade });
  return new HashedPasswords(checker, new PasswordUpgrades(checker, hashes, keeper, report));
}

async function openDatabase(config: SqlUsersConfig, ca: string | undefined): Promise<Database> {
  if (config.url.startsWith('postgres')) {
    const { PostgresDatabase } = await import('./sql/postgres.ts');
    return new PostgresDatabase(config, ca);
  }
  const { MysqlDatabase } = await import('./sql/mysql.ts');
  return new MysqlDatabase(config, ca);
}

/** The certificates of `tls.ca_file`; undefined for those that Node trusts. */
function readCa({ tls }: Pick<SqlUsersConfig, 'tls'>, pathOf: Surroundings['pathOf']): string | undefined {
  return tls?.ca_file === undefined ? undefined : readConfiguredFile(pathOf(tls.ca_file), MAX_CA_BYTES);
}

/** What user stores need of the gateway. */
export interface UserStoreParts {
  readonly hashes: HashMaker;
  readonly store: Store;
  readonly events: UserStoreEvents;
  /** Holds the stores. One whose section and files are as they were is not opened again. */
  readonly lease: Lease;
}

/**
 * Opens all stores. Servers are not asked yet: one that is out is no bad configuration.
 *
 * @throws ConfigError with the problems of all of them.
 */
export async function openUserStores(
  config: Config['users'],
  directory: string,
  { lease, ...parts }: UserStoreParts,
): Promise<UserStores> {
  const stores = new Map<string, UserStore>();
  const failures: unknown[] = [];
  for (const [name, section] of Object.entries(config)) {
    const pathOf = (path: string) => resolve(directory, path);
    const versions = await Promise.all(namedByUsers(section).map((path) => versionOf(pathOf(path))));
    const warn: Surroundings['warn'] = (problem, error) =>
      parts.events.warn(problem, { store: name, cause: causeOf(error) });
    const opening = lease.open(
      { name: `user store ${name}`, config: { section, directory, versions }, uses: [parts.hashes, parts.store] },
      () => openStore(section, { ...parts, name, pathOf, versions, warn }),
      (store) => store.close(),
    );
    await opening.then(
      (store) => stores.set(name, store),
      (error) => failures.push(error),
    );
  }
  if (failures.length > 0) {
    throw (
      failures.find((failure) => !(failure instanceof ConfigError)) ?? new ConfigError(failures.flatMap(problemsOf))
    );
  }
  return lease.open(
    { name: 'user stores', config, uses: [...stores.values()] },
    () => new UserStores(stores, config, parts.events),
    (users) => users.close(),
  );
}

/** Tries what a store asks of others. What is in files is not asked, and a module is not run. */
export async function probeUsers(config: UserStoreConfig, directory: string): Promise<readonly Finding[]> {
  if (config.type === 'file' || config.type === 'module') return [];
  const store = new MemoryStore();
  const hashes = new HashPool({ concurrent_checks: 1, queue: 0 });
  const ignored = () => {};
  const events = { warn: ignored, upgraded: ignored, shadowed: ignored };
  const pathOf = (path: string) => resolve(directory, path);
  return attemptAll(['tls', 'ca_file'], 'users-ca', async () => {
    const users = await openStore(config, { name: '', pathOf, versions: [], hashes, store, events, warn: ignored });
    try {
      return (await users.probe?.()) ?? [];
    } finally {
      await users.close();
    }
  });
}

/** What the log is told: the cause of an outage, not the outage. */
function causeOf(error: unknown): string {
  const cause = error instanceof GatewayError ? error.cause : error;
  return cause instanceof Error ? cause.message : String(cause);
}

function problemsOf(failure: unknown): readonly Problem[] {
  return failure instanceof ConfigError ? failure.problems : [];
}
