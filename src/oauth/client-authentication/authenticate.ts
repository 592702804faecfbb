import type { ClientConfig } from '../../config/schema.ts';
import { GatewayError } from '../../errors.ts';
import type { LoginLimits } from '../../limits/login-limits.ts';
import { standIn } from '../../users/decoy.ts';
import type { HashVerifier } from '../../users/password-hash/hash-pool.ts';
import { parameter } from '../form.ts';
import { type AssertionParts, createClientAssertion } from './client-assertion.ts';
import { createClientIdAlone } from './client-id-alone.ts';
import { createClientSecretBasic } from './client-secret-basic.ts';
import { createClientSecretPost } from './client-secret-post.ts';
import type { Attempt, AuthenticationMethod, ClientEvidence } from './method.ts';

export interface ClientAuthenticationParts extends AssertionParts {
  readonly limits: LoginLimits;
  readonly hashes: HashVerifier;
}

/** Finds out which client a request comes from, and makes it prove that (RFC 6749 §2.3). */
export class ClientAuthentication {
  readonly #clients: ReadonlyMap<string, ClientConfig>;
  /**
   * They stand in for a client that does not exist, so that finding this out takes as long. Keys that have to be fetched
   * are left out: that they are out is no concern of a client that is not there.
   */
  readonly #decoys: readonly ClientConfig[];
  readonly #limits: LoginLimits;
  readonly #methods: readonly AuthenticationMethod[];

  constructor(parts: ClientAuthenticationParts) {
    const { clients, limits, hashes } = parts;
    this.#clients = new Map(clients.map((client) => [client.id, client]));
    this.#decoys = clients.filter(({ jwks_uri }) => jwks_uri === undefined);
    this.#limits = limits;
    this.#methods = [
      createClientSecretBasic(hashes),
      createClientSecretPost(hashes),
      createClientAssertion(parts),
      createClientIdAlone(parts),
    ];
  }

  /**
   * @throws GatewayError `invalid_request` for evidence of more than one kind, `invalid_client` for evidence that is
   * missing, wrong, or not of the client's one registered method.
   */
  async authenticate(evidence: ClientEvidence, address: string): Promise<ClientConfig> {
    const attempt = this.#singleAttempt(evidence);
    if (attempt === undefined) throw invalidClient(evidence);
    const client = this.#find(attempt);
    refuseOtherClientId(evidence, attempt);
    // One that does not exist is locked like the others, or being locked would tell who does.
    const claimedId = client?.id ?? attempt.clientIds[0];
    this.#limits.refuseLockedClient(claimedId, address);
    const refusal = await this.#refusal(attempt, client);
    if (client && refusal === undefined) return client;
    await this.#limits.countRefusedClient(claimedId, address);
    throw invalidClient(evidence, refusal);
  }

  #singleAttempt(evidence: ClientEvidence): Attempt | undefined {
    const attempts = this.#methods.map((method) => method(evidence)).filter((attempt) => attempt !== undefined);
    if (attempts.length > 1) {
      throw new GatewayError('invalid_request', { description: 'The client authenticated in more than one way.' });
    }
    return attempts[0];
  }

  #find(attempt: Attempt): ClientConfig | undefined {
    return attempt.clientIds.map((id) => this.#clients.get(id)).find((client) => client !== undefined);
  }

  /** Why the attempt is refused, for the log; undefined for a proof by the client's registered method. */
  async #refusal(attempt: Attempt, client: ClientConfig | undefined): Promise<Error | undefined> {
    const doubt = await doubtAbout(attempt, client ?? this.#decoyFor(attempt));
    if (client === undefined) return new Error('no client has this id');
    const { id, auth } = client;
    if (!attempt.methods.includes(auth)) return new Error(`client ${id} is registered for ${auth}`);
    return doubt && new Error(`client ${id} did not prove itself`, { cause: doubt });
  }

  #decoyFor({ clientIds }: Attempt): ClientConfig | undefined {
    return standIn(clientIds[0] ?? '', this.#decoys);
  }
}

async function doubtAbout(attempt: Attempt, client: ClientConfig | undefined): Promise<Error | undefined> {
  try {
    const proven = client !== undefined && (await attempt.proves(client));
    return proven ? undefined : new Error('what it has shown is wrong');
  } catch (error) {
    if (error instanceof GatewayError && error.code === 'invalid_client') return error;
    throw error;
  }
}

/** A `client_id` in the body beside another method has to name the same client. */
function refuseOtherClientId({ form }: ClientEvidence, attempt: Attempt): void {
  const named = parameter(form, 'client_id');
  if (named === undefined || attempt.clientIds.length === 0 || attempt.clientIds.includes(named)) return;
  throw new GatewayError('invalid_request', { description: 'The request names two clients.' });
}

/** RFC 6749 §5.2: the challenge is for a client that tried the Authorization header. */
function invalidClient({ authorization }: ClientEvidence, cause?: Error): GatewayError {
  const tried = authorization !== undefined && /^basic(?: |$)/i.test(authorization);
  return new GatewayError('invalid_client', {
    headers: tried ? { 'WWW-Authenticate': 'Basic realm="postern"' } : {},
    cause,
  });
}
