import { randomBytes } from 'node:crypto';
import { type Client, type Entry, Filter, ResultCodeError } from 'ldapts';
import { attempt, attemptAll, type Finding } from '../../config/finding.ts';
import type { LdapUsersConfig } from '../../config/schema.ts';
import { BoundedCalls } from '../bounded-calls.ts';
import { isPlausiblePassword, isPlausibleUsername } from '../credentials.ts';
import type { User, UserStore, Verdict } from '../user-store.ts';
import { attributesOf, isDisabled, readUser, valuesOf } from './entry.ts';
import { PasswordPolicyControl } from './password-policy.ts';
import { rejected, rejectionOf } from './rejection.ts';
import { LdapServers } from './servers.ts';
import { UnclearAnswer } from './unclear-answer.ts';

const NO_SUCH_OBJECT = 32;
const MAX_GROUPS = 1000;

/** An entry that is known, or the DN alone where only the user may read it. */
interface Found {
  readonly dn: string;
  readonly entry?: Entry;
}

/**
 * Users of an LDAP directory. The entry is looked for as `bind_dn` (or as nobody), and the password checked by a bind as
 * the user. With `user_dn` and without `bind_dn` the user is bound at once; then an unknown user cannot be told from a
 * wrong password.
 */
export class LdapUserStore implements UserStore {
  readonly #config: LdapUsersConfig;
  readonly #calls: BoundedCalls;
  readonly #servers: LdapServers;

  /** @param onPassedOver is told when a server fails that did not before */
  constructor(config: LdapUsersConfig, ca: string | undefined, onPassedOver: (url: string, error: unknown) => void) {
    this.#config = config;
    this.#calls = new BoundedCalls(config);
    this.#servers = new LdapServers(config, ca, onPassedOver);
  }

  async verify(username: string, password: string): Promise<Verdict> {
    if (!isPlausibleUsername(username)) return { outcome: 'unknown' };
    return this.#ask(async (client) => {
      const found = await this.#find(client, username);
      if (!found) return { outcome: 'unknown' };
      const refusal = await bindAsUser(client, found.dn, password);
      return refusal ?? this.#accept(client, found, username);
    });
  }

  async lookup(username: string): Promise<User | undefined> {
    if (!isPlausibleUsername(username)) return undefined;
    return this.#ask(async (client) => {
      const { entry } = (await this.#search(client, username)) ?? {};
      if (!entry || isDisabled(entry)) return undefined;
      return this.#read(client, entry, username);
    });
  }

  /** A bind as somebody who does not exist. What was typed is not sent: it may be right elsewhere. */
  async decoy(): Promise<void> {
    const { user_dn, base_dn } = this.#config;
    const nobody = randomBytes(16).toString('hex');
    const dn = user_dn === undefined ? `cn=${nobody},${base_dn}` : this.#dnOf(nobody);
    await this.#ask((client) => bindAsUser(client, dn, nobody));
  }

  async probe(): Promise<readonly Finding[]> {
    const told = this.#servers.each(this.#config.timeout, (client) => this.#probe(client));
    const found = told.map((one, index) => attemptAll(['url', index], 'users-unreachable', () => one));
    return (await Promise.all(found)).flat();
  }

  async close(): Promise<void> {}

  async #probe(client: Client): Promise<readonly Finding[]> {
    await client.search('', { scope: 'base', attributes: ['1.1'] }).catch(assertAnswered);
    const refused = await attempt(['bind_dn'], 'users-bind', () => this.#bindAsService(client));
    if (refused.length > 0) return refused;
    const { base_dn, groups } = this.#config;
    const bases = [[['base_dn'], base_dn] as const, [['groups', 'base_dn'], groups?.base_dn] as const];
    const found = bases.map(([at, dn]) =>
      dn === undefined ? [] : attempt(at, 'users-base-dn', () => look(client, dn)),
    );
    return (await Promise.all(found)).flat();
  }

  #ask<Answer>(task: (client: Client) => Promise<Answer>): Promise<Answer> {
    return this.#calls.run((time) => this.#servers.use(time, task));
  }

  async #find(client: Client, username: string): Promise<Found | undefined> {
    const bindsAtOnce = this.#config.user_dn !== undefined && this.#config.bind_dn === undefined;
    return bindsAtOnce ? { dn: this.#dnOf(username) } : this.#search(client, username);
  }

  async #search(client: Client, username: string): Promise<(Found & { readonly entry: Entry }) | undefined> {
    await this.#bindAsService(client);
    const { user_dn, base_dn = '', filter = '' } = this.#config;
    const entry =
      user_dn === undefined
        ? await this.#entryAt(client, base_dn, fillIn(filter, { username }))
        : await this.#entryAt(client, this.#dnOf(username));
    return entry && { dn: entry.dn, entry };
  }

  /** The one entry below `dn` that the filter finds; without a filter, that of `dn` itself. Referrals are not followed. */
  async #entryAt(client: Client, dn: string, filter?: string): Promise<Entry | undefined> {
    const scope = filter === undefined ? 'base' : 'sub';
    const search = { scope, sizeLimit: 2, attributes: attributesOf(this.#config) } as const;
    try {
      const { searchEntries } = await client.search(dn, { ...search, ...(filter !== undefined && { filter }) });
      if (searchEntries.length > 1) throw new UnclearAnswer('the filter finds more than one entry for one username');
      return searchEntries[0];
    } catch (error) {
      if (filter === undefined && error instanceof ResultCodeError && error.code === NO_SUCH_OBJECT) return undefined;
      throw error;
    }
  }

  async #accept(client: Client, { dn, entry }: Found, username: string): Promise<Verdict> {
    // Directories refuse these by themselves, unless they have been told not to.
    const known = entry ?? (await this.#entryAt(client, dn));
    if (!known) throw new UnclearAnswer('a user who has logged in cannot read the own entry');
    if (isDisabled(known)) return rejected('disabled');
    if (this.#config.groups) await this.#bindAsService(client);
    return { outcome: 'accepted', user: await this.#read(client, known, username) };
  }

  async #read(client: Client, entry: Entry, username: string): Promise<User> {
    const user = readUser(entry, username, this.#config.attributes);
    const { groups } = this.#config;
    if (!groups) return user;
    const filter = fillIn(groups.filter, { dn: entry.dn, username });
    const search = { filter, sizeLimit: MAX_GROUPS, attributes: [groups.attribute] };
    const { searchEntries } = await client.search(groups.base_dn, search);
    if (searchEntries.length >= MAX_GROUPS) throw new UnclearAnswer(`a user has ${MAX_GROUPS} groups or more`);
    const names = searchEntries.flatMap((group) => valuesOf(group, groups.attribute));
    return { ...user, attributes: { ...user.attributes, groups: names } };
  }

  async #bindAsService(client: Client): Promise<void> {
    const { bind_dn, bind_password } = this.#config;
    if (bind_dn !== undefined && bind_password !== undefined) await client.bind(bind_dn, bind_password);
  }

  #dnOf(username: string): string {
    return (this.#config.user_dn ?? '').replaceAll('{username}', () => escapeName(username));
  }
}

/** Whether there is such an entry, for whoever is bound. */
async function look(client: Client, dn: string): Promise<void> {
  const { searchEntries } = await client.search(dn, { scope: 'base', attributes: ['1.1'] });
  if (searchEntries.length === 0) throw new Error('there is no such entry, or it may not be read');
}

/** A directory that refuses to tell about itself is there. */
function assertAnswered(error: unknown): void {
  if (!(error instanceof ResultCodeError)) throw error;
}

/** An empty password would bind as nobody and succeed (RFC 4513 §5.1.2): what cannot be right is not sent. */
async function bindAsUser(client: Client, dn: string, password: string): Promise<Verdict | undefined> {
  if (!isPlausiblePassword(password)) return rejected(undefined);
  const policy = new PasswordPolicyControl();
  try {
    await client.bind(dn, password, policy);
  } catch (error) {
    return rejectionOf(error, policy);
  }
  // Such a user may do nothing but change the password.
  return policy.reason === 'must_change_password' ? rejected(policy.reason) : undefined;
}

function fillIn(filter: string, values: Readonly<Record<string, string>>): string {
  return filter.replaceAll(/\{(\w+)\}/g, (_, name) => Filter.escape(values[name] ?? ''));
}

/** A value of a distinguished name, each octet but letters and digits as a hexadecimal pair (RFC 4514 §2.4). */
function escapeName(value: string): string {
  return value.replaceAll(/[^A-Za-z0-9]+/g, (odd) => Buffer.from(odd).toString('hex').replaceAll(/../g, '\\$&'));
}
