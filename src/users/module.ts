import { pathToFileURL } from 'node:url';
import * as z from 'zod';
import { ConfigError } from '../config/problem.ts';
import type { ModuleUsersConfig } from '../config/schema.ts';
import { printable, section } from '../config/section.ts';
import { text } from '../config/values.ts';
import { BoundedCalls } from './bounded-calls.ts';
import { isPlausibleUsername } from './credentials.ts';
import {
  REJECTION_REASONS,
  type RejectionReason,
  toUser,
  type User,
  type UserStore,
  type Verdict,
} from './user-store.ts';

/** The default export of a module that `type: module` names. What it throws is an outage: the caller is told 503. */
export interface UserModule {
  /**
   * Whether this is the user's password. A username has 1 to 256 characters, none of them a control character; a
   * password has 1 to 4096 bytes in UTF-8, none of them NUL.
   */
  verify(
    username: string,
    password: string,
    context: UserModuleContext,
  ): UserModuleVerdict | Promise<UserModuleVerdict>;
  /**
   * The user as it is now, at each refresh of a token; undefined when it is gone or disabled. Without this, a user stays
   * as it was at the login.
   */
  lookup?(
    username: string,
    context: UserModuleContext,
  ): UserModuleUser | undefined | Promise<UserModuleUser | undefined>;
}

export interface UserModuleContext {
  /** Aborted when `timeout` is over and nobody waits any more: give it to `fetch` and the like. */
  readonly signal: AbortSignal;
}

export interface UserModuleUser {
  /** What `{user.x}` in `claims` reads: values that JSON can hold. `sub` is a text, by default the username. */
  readonly attributes?: Readonly<Record<string, unknown>>;
}

export type UserModuleVerdict =
  | ({ readonly outcome: 'accepted' } & UserModuleUser)
  | { readonly outcome: 'rejected'; readonly reason?: RejectionReason }
  | { readonly outcome: 'unknown' };

const attributes = z.object({ sub: text.optional() }).catchall(z.json()).default({});
const user = section({ attributes }).optional();
const verdict = z.discriminatedUnion('outcome', [
  section({ outcome: z.literal('accepted'), attributes }),
  section({ outcome: z.literal('rejected'), reason: z.enum(REJECTION_REASONS).optional() }),
  section({ outcome: z.literal('unknown') }),
]);

const userModule = z.looseObject({ verify: z.function(), lookup: z.function().optional() });

/** Users whom the operator's own module knows. */
export class ModuleUserStore implements UserStore {
  readonly #module: UserModule;
  readonly #calls: BoundedCalls;
  readonly lookup?: (username: string) => Promise<User | undefined>;

  constructor(module: UserModule, bounds: Pick<ModuleUsersConfig, 'timeout' | 'concurrency'>) {
    this.#module = module;
    this.#calls = new BoundedCalls(bounds);
    if (module.lookup) this.lookup = (username) => this.#lookup(username);
  }

  /**
   * @param version of the file: Node keeps a module for good by its URL, and so loads a changed one only by another URL.
   * @throws ConfigError when the file is no such module.
   */
  static async open(
    path: string,
    version: string,
    bounds: Pick<ModuleUsersConfig, 'timeout' | 'concurrency'>,
  ): Promise<UserStore> {
    const problem = (message: string) => new ConfigError([{ position: { file: path, line: 1, column: 1 }, message }]);
    const url = pathToFileURL(path);
    url.searchParams.set('version', version);
    const exported = await import(url.href).catch((error: unknown) => {
      throw problem(`cannot load it: ${printable(String(error))}`);
    });
    if (userModule.safeParse(exported.default).success) return new ModuleUserStore(exported.default, bounds);
    throw problem('expected `export default { verify(username, password, context) { … } }`');
  }

  async verify(username: string, password: string): Promise<Verdict> {
    if (!isPlausibleUsername(username)) return { outcome: 'unknown' };
    return this.#calls.run(async ({ signal }) => {
      const answer = read(verdict, await this.#module.verify(username, password, { signal }));
      return answer.outcome === 'accepted'
        ? { outcome: 'accepted', user: toUser(username, answer.attributes) }
        : answer;
    });
  }

  /** What an unknown user costs is the module's own affair. */
  async decoy(): Promise<void> {}

  async close(): Promise<void> {}

  async #lookup(username: string): Promise<User | undefined> {
    if (!isPlausibleUsername(username)) return undefined;
    return this.#calls.run(async ({ signal }) => {
      const found = read(user, await this.#module.lookup?.(username, { signal }));
      return found && toUser(username, found.attributes);
    });
  }
}

function read<Answer>(schema: z.ZodType<Answer>, answer: unknown): Answer {
  const parsed = schema.safeParse(answer);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, message }) => [...path, message].join(': '));
  throw new Error(`the module gave a malformed answer: ${problems.join('; ')}`);
}
