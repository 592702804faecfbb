import type { ClientConfig } from '../config/schema.ts';
import { GatewayError } from '../errors.ts';
import type { Store } from '../store/store.ts';
import { REVOKE, START, USE, type UseOutcome } from './refresh-family-scripts.ts';
import {
  firstRefreshToken,
  formatRefreshToken,
  parseRefreshToken,
  type RefreshToken,
  seal,
  secretHash,
  successorOf,
  unseal,
} from './refresh-token.ts';

/** Who may use the tokens of a family, and end it. */
export interface FamilyOwner {
  readonly clientId: string;
  /** The thumbprint of the one certificate that they have to come with; undefined for any and none. */
  readonly certificate?: string;
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

  constructor(store: Store) {
    this.#store = store;
  }

  /** Begins a family and returns its first token. */
  async start(grant: FamilyGrant, policy: RefreshPolicy): Promise<string> {
    const token = firstRefreshToken();
    await this.#store.run(START, keysOf(token), [
      JSON.stringify(grant),
      ownerKey(grant),
      grant.scope.join(' '),
      token.generation,
      secretHash(token),
      policy.idle_ttl,
      policy.max_ttl,
    ]);
    return formatRefreshToken(token);
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
  ): Promise<{ grant: FamilyGrant; token: string }> {
    const token = parseRefreshToken(presented);
    if (token === undefined) throw refusal('malformed');
    const successor = successorOf(token);
    const [outcome, grant, sealed] = await this.#store.run(USE, keysOf(token), [
      ownerKey(request),
      request.scope?.join(' ') ?? '',
      token.generation,
      secretHash(token),
      policy.rotate ? secretHash(successor) : '',
      policy.retry_grace > 0 ? seal(successor, token) : '',
      policy.idle_ttl,
      policy.retry_grace,
    ]);
    if (outcome === 'rotated') return { grant: JSON.parse(grant), token: formatRefreshToken(successor) };
    if (outcome === 'retried') return { grant: JSON.parse(grant), token: formatRefreshToken(unseal(sealed, token)) };
    if (outcome === 'kept') return { grant: JSON.parse(grant), token: presented };
    throw refusal(outcome);
  }

  /** Ends the token's family if it is this owner's. An unknown token is as good as revoked (RFC 7009 §2.2). */
  async revoke(presented: string, owner: FamilyOwner): Promise<void> {
    const token = parseRefreshToken(presented);
    if (token === undefined) return;
    await this.#store.run(REVOKE, keysOf(token), [ownerKey(owner), token.generation, secretHash(token)]);
  }
}

/** What the scripts compare as the client's id, which has no blanks itself. */
function ownerKey({ clientId, certificate }: FamilyOwner): string {
  return certificate === undefined ? clientId : `${clientId} ${certificate}`;
}

function keysOf({ family }: RefreshToken): readonly string[] {
  return [`refresh:{${family}}`];
}

const REASONS = {
  malformed: 'the refresh token is malformed',
  unknown: 'the refresh token is unknown or has expired',
  foreign: 'the refresh token belongs to another client, or to another certificate',
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
