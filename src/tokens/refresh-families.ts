import type { ClientConfig } from '../config/schema.ts';
import { GatewayError } from '../errors.ts';
import type { Store } from '../store/store.ts';
import type { Confirmation } from './confirmation.ts';
import { END, READ, START, USE, type UseOutcome } from './refresh-family-scripts.ts';
import { type RefreshSubject, RefreshSubjects } from './refresh-subjects.ts';
import {
  firstRefreshToken,
  formatRefreshToken,
  newFamily,
  openSuccessor,
  parseRefreshToken,
  type RefreshToken,
  sealSuccessor,
  secretHash,
  sessionIdOf,
  successorOf,
} from './refresh-token.ts';
import type { RevokedTokens } from './revoked-tokens.ts';
import { SessionIndex } from './session-index.ts';

/** Who may use the tokens of a family, and end it. */
export interface FamilyOwner {
  readonly clientId: string;
  /** The key that they have to come with; undefined where they need none. */
  readonly confirmation?: Confirmation | undefined;
}

/** What a login granted, and what each refresh of it may grant again. */
export interface FamilyGrant extends FamilyOwner {
  readonly user: {
    /** The name of the user store that knows them. */
    readonly store: string;
    readonly username: string;
    readonly sub: string;
    readonly attributes: Readonly<Record<string, unknown>>;
  };
  readonly scope: readonly string[];
  /** When the user logged in, in seconds since 1970. */
  readonly authTime: number;
  /** Where the user logged in from. */
  readonly address: string;
  /** The session that the login has opened in an application, sealed. */
  readonly carry?: string | undefined;
}

/** What to give back to the client. */
export interface IssuedRefreshToken {
  readonly token: string;
  /** Names the family where others may read it: the `sid` of the access tokens that come with the refresh token. */
  readonly sessionId: string;
}

/** A family as it is now. */
export interface Family {
  readonly sessionId: string;
  readonly grant: FamilyGrant;
  /** When its present token was made. */
  readonly issuedAtMs: number;
  readonly usedAtMs: number;
  /** When it ends unless it is used before. */
  readonly expiresAtMs: number;
  /** When it ends however often it is used. */
  readonly endsAtMs: number;
}

/** Lifetimes in milliseconds. `max_ttl` is fixed when a family starts; the rest holds as it is configured now. */
export type RefreshPolicy = ClientConfig['refresh'];

export interface RefreshRequest extends FamilyOwner {
  /** What it asks for; undefined for all that the family has. */
  readonly scope?: readonly string[] | undefined;
}

/**
 * Refresh tokens (RFC 6749 §6). The tokens that descend from one login are a family: each use makes a successor, and a
 * token that comes back after its successor was made ends the whole family, because then somebody else has it too
 * (RFC 9700 §4.14.2).
 */
export class RefreshFamilies {
  readonly #store: Store;
  readonly #revoked: RevokedTokens;
  readonly #onEnd: (grant: FamilyGrant) => void;
  readonly #index: SessionIndex;
  readonly #subjects: RefreshSubjects;

  /** @param onEnd is told of each family that is ended here; of one that expires, nobody is told */
  constructor(
    store: Store,
    revoked: RevokedTokens,
    onEnd: (grant: FamilyGrant) => void = () => {},
    index = new SessionIndex(store),
  ) {
    this.#store = store;
    this.#revoked = revoked;
    this.#onEnd = onEnd;
    this.#index = index;
    this.#subjects = new RefreshSubjects(store);
  }

  /** Begins a family and returns its first token. */
  async start(grant: FamilyGrant, policy: RefreshPolicy): Promise<IssuedRefreshToken> {
    const token = await this.#firstToken(grant);
    const sessionId = sessionIdOf(token);
    await this.#store.run(START, keysOf(sessionId), [
      JSON.stringify(grant),
      ownerKey(grant),
      grant.scope.join(' '),
      token.generation,
      secretHash(token),
      policy.idle_ttl,
      policy.max_ttl,
    ]);
    // Only now, for an id behind which there is no family is taken out of the index.
    const outnumbered = await this.#index.add(grant.user.username, sessionId, policy.max_ttl);
    await Promise.all(outnumbered.map((id) => this.end(id)));
    return { token: formatRefreshToken(token), sessionId };
  }

  /**
   * Whom `presented` is for, as it says itself; whether it is good is not known by that.
   *
   * @returns undefined where only its family knows, which `peek` reads
   * @throws GatewayError `temporarily_unavailable` as long as the store has never answered.
   */
  async subjectOf(presented: string): Promise<RefreshSubject | undefined> {
    const token = parseRefreshToken(presented);
    return token && this.#subjects.open(token);
  }

  /**
   * Consumes `presented` and returns the token to give back. The grant is the family's own: who asked for a narrower
   * scope gets a narrower access token, and may ask for all of it the next time (RFC 6749 §6).
   *
   * @throws GatewayError `invalid_grant` for a token that is not good or not this client's, `invalid_scope` for more
   * than the family has; the token is then still unused.
   */
  async use(
    presented: string,
    request: RefreshRequest,
    policy: RefreshPolicy,
  ): Promise<IssuedRefreshToken & { grant: FamilyGrant }> {
    const token = parseRefreshToken(presented);
    if (token === undefined) throw refusal('malformed');
    const sessionId = sessionIdOf(token);
    const successor = successorOf(token);
    const [outcome, grant, sealed] = await this.#store.run(USE, keysOf(sessionId), [
      ownerKey(request),
      request.scope?.join(' ') ?? '',
      token.generation,
      secretHash(token),
      policy.rotate ? secretHash(successor) : '',
      policy.retry_grace > 0 ? sealSuccessor(successor, token) : '',
      policy.idle_ttl,
      policy.retry_grace,
    ]);
    if (outcome === 'reused') {
      this.#onEnd(JSON.parse(grant));
      await this.#revoked.revokeSession(sessionId);
    }
    const issued = (next: string) => ({ grant: JSON.parse(grant), token: next, sessionId });
    if (outcome === 'rotated') return issued(formatRefreshToken(successor));
    if (outcome === 'retried') return issued(formatRefreshToken(openSuccessor(sealed, token)));
    if (outcome === 'kept') return issued(presented);
    throw refusal(outcome);
  }

  /**
   * Ends the token's family if it is this owner's. An unknown token is as good as revoked (RFC 7009 §2.2). A key is only
   * compared where the owner shows one: the token itself is enough to end it.
   */
  async revoke(presented: string, owner: FamilyOwner): Promise<void> {
    const found = await this.#find(presented, owner.clientId);
    if (!found || (owner.confirmation && !isOwnedBy(found.family, owner))) return;
    await this.end(found.family.sessionId);
  }

  /** The family of this owner's present token; undefined for any other text. Changes nothing. */
  async inspect(presented: string, owner: FamilyOwner): Promise<Family | undefined> {
    const found = await this.#find(presented, owner.clientId);
    return found?.age === 0 && isOwnedBy(found.family, owner) ? found.family : undefined;
  }

  /** The family of a token that `use` may take: the present one, or its predecessor in its grace. Changes nothing. */
  async peek(presented: string, owner: FamilyOwner): Promise<Family | undefined> {
    const found = await this.#find(presented, owner.clientId);
    return found && found.age <= 1 && isOwnedBy(found.family, owner) ? found.family : undefined;
  }

  async read(sessionId: string): Promise<Family | undefined> {
    return (await this.#read(sessionId))?.family;
  }

  /** Ends a family, and all access tokens that came from it (RFC 7009 §2.1). @returns whether there was one to end */
  async end(sessionId: string): Promise<boolean> {
    // The family is last: if the store fails between the two, who asks again still finds it.
    await this.#revoked.revokeSession(sessionId);
    const grant = await this.#store.run(END, keysOf(sessionId));
    if (grant !== '') this.#onEnd(JSON.parse(grant));
    return grant !== '';
  }

  /** A carried session would make it as long as an access token: what such a user is looked up with stays in the family. */
  async #firstToken({ user, carry }: FamilyGrant): Promise<RefreshToken> {
    const family = newFamily();
    const subject = carry === undefined ? await this.#subjects.seal(user, family) : Buffer.alloc(0);
    return firstRefreshToken(family, subject);
  }

  /** The family that this client's token belongs to, and how many generations ago the token was its present one. */
  async #find(presented: string, clientId: string): Promise<{ family: Family; age: number } | undefined> {
    const token = parseRefreshToken(presented);
    const stored = token && (await this.#read(sessionIdOf(token)));
    if (!stored || stored.family.grant.clientId !== clientId) return undefined;
    const age = stored.generation - token.generation;
    // The secrets of older generations are not kept: that the family is known is proof enough.
    if (age > 1 || secretHash(token) === stored.secretHashes[age]) return { family: stored.family, age };
    return undefined;
  }

  async #read(sessionId: string) {
    const reply = await this.#store.run(READ, keysOf(sessionId));
    const [grant, generation, secretHash, previousHash, ...times] = reply;
    if (grant === undefined) return undefined;
    const [issuedAtMs = 0, usedAtMs = 0, expiresAtMs = 0, endsAtMs = 0] = times.map(Number);
    const family: Family = { sessionId, grant: JSON.parse(grant), issuedAtMs, usedAtMs, expiresAtMs, endsAtMs };
    return { family, generation: Number(generation), secretHashes: [secretHash, previousHash] };
  }
}

function isOwnedBy({ grant }: Family, owner: FamilyOwner): boolean {
  return ownerKey(grant) === ownerKey(owner);
}

/** What the scripts compare as the client's id, which has no blanks itself. */
function ownerKey({ clientId, confirmation }: FamilyOwner): string {
  return [clientId, ...Object.values(confirmation ?? {})].join(' ');
}

function keysOf(sessionId: string): readonly string[] {
  return [`refresh:${sessionId}`];
}

const REASONS = {
  malformed: 'the refresh token is malformed',
  unknown: 'the refresh token is unknown or has expired',
  foreign: 'the refresh token belongs to another client, or to another key',
  reused: 'the refresh token was used before: its family is revoked',
  wider: 'the requested scope exceeds what was granted at login',
} as const;

type Refused = Exclude<UseOutcome, 'rotated' | 'retried' | 'kept'> | 'malformed';

/** The client is not told which it was; the log is. */
function refusal(outcome: Refused): GatewayError {
  return new GatewayError(outcome === 'wider' ? 'invalid_scope' : 'invalid_grant', {
    cause: new Error(REASONS[outcome]),
  });
}
