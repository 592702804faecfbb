import { setTimeout as delay } from 'node:timers/promises';
import { GatewayError } from '../../errors.ts';
import type { LoginLimits } from '../../limits/login-limits.ts';
import type { Turns } from '../../limits/turns.ts';
import type { LoginEvent } from '../../observe/login-events.ts';
import type { CarriedSessions } from '../../tokens/carried-sessions.ts';
import type { RefreshFamilies } from '../../tokens/refresh-families.ts';
import type { LoginVerdict, UserStores } from '../../users/user-stores.ts';
import { ownerOf } from '../binding.ts';
import { grantedScope } from '../scope.ts';
import type { Grant, Granted, GrantRequest } from './grant.ts';

interface Credentials {
  readonly username: string;
  readonly password: string;
}

type AcceptedLogin = Extract<LoginVerdict, { outcome: 'accepted' }>;

/** The Resource Owner Password Credentials grant (RFC 6749 §4.3). */
export class PasswordGrant implements Grant {
  readonly type = 'password';
  readonly #users: UserStores;
  readonly #limits: LoginLimits;
  readonly #families: RefreshFamilies;
  readonly #carried: CarriedSessions;
  readonly #minFailureTimeMs: number;
  readonly #failures: Turns;
  readonly #report: (event: LoginEvent) => void;

  constructor(parts: {
    users: UserStores;
    limits: LoginLimits;
    families: RefreshFamilies;
    carried: CarriedSessions;
    minFailureTimeMs: number;
    failures: Turns;
    reportLogin: (event: LoginEvent) => void;
  }) {
    this.#users = parts.users;
    this.#limits = parts.limits;
    this.#families = parts.families;
    this.#carried = parts.carried;
    this.#minFailureTimeMs = parts.minFailureTimeMs;
    this.#failures = parts.failures;
    this.#report = parts.reportLogin;
  }

  async authorize(request: GrantRequest): Promise<Granted> {
    const { form, client, address } = request;
    const credentials = readCredentials(request);
    const scope = grantedScope(form, client);
    const { user, store, carried } = await this.#login(request, credentials);
    const carry = carried && (await this.#carried.seal({ store, values: carried }));
    const authTime = Math.floor(Date.now() / 1000);
    const family = {
      ...ownerOf(client, request.confirmation),
      user: { ...user, store },
      scope,
      authTime,
      address,
      carry,
    };
    const keepsSession = client.grants.includes('refresh_token');
    const issued = keepsSession ? await this.#families.start(family, client.refresh) : undefined;
    const login = { attributes: user.attributes, authTime, sessionId: issued?.sessionId, carry };
    return { grant: { subject: user.sub, clientId: client.id, scope, login }, refreshToken: issued?.token };
  }

  /**
   * Every failure takes the same time, so that nobody can tell from it which part was wrong; that of a locked user too, so
   * that who tries without a pause is slowed down.
   */
  async #login(request: GrantRequest, credentials: Credentials): Promise<AcceptedLogin> {
    const notBefore = delay(this.#minFailureTimeMs, undefined, { ref: false });
    try {
      const verdict = await this.#verify(request, credentials);
      if (verdict.outcome === 'accepted') return verdict;
      throw new GatewayError('invalid_grant', { description: 'The username or the password is wrong.' });
    } catch (error) {
      if (!isOutage(error)) {
        await notBefore;
        await this.#failures.come(request.address);
      }
      throw error;
    }
  }

  async #verify(request: GrantRequest, { username, password }: Credentials): Promise<LoginVerdict> {
    const { client, address, requestId } = request;
    const report = (outcome: LoginEvent['outcome'], store?: string, reason?: string) =>
      this.#report({ requestId, client: client.id, address, username, outcome, store, reason });
    try {
      const { verdict } = await this.#limits.attempt({ username, address, clientId: client.id }, async () => {
        const found = await this.#users.verify(username, password, client.users);
        return { verdict: found, accepted: found.outcome === 'accepted' };
      });
      const store = 'store' in verdict ? verdict.store : undefined;
      const reason = verdict.outcome === 'rejected' ? verdict.reason : undefined;
      report(verdict.outcome === 'accepted' ? 'accepted' : 'rejected', store, reason);
      return verdict;
    } catch (error) {
      const locked = error instanceof GatewayError && error.status === 429;
      report(locked ? 'locked' : 'unavailable');
      throw error;
    }
  }
}

function isOutage(error: unknown): boolean {
  return !(error instanceof GatewayError) || error.code === 'temporarily_unavailable';
}

/** An empty username or password was sent, and is wrong; one that was not sent makes no request of this grant (§4.3.2). */
function readCredentials({ form }: GrantRequest): Credentials {
  const [username, password] = [form.get('username'), form.get('password')];
  if (username !== undefined && password !== undefined) return { username, password };
  throw new GatewayError('invalid_request', { description: 'username and password are needed.' });
}
