import type { ClientConfig } from '../../config/schema.ts';
import { GatewayError } from '../../errors.ts';
import type { LoginLimits } from '../../limits/login-limits.ts';
import type { HashVerifier } from '../../users/password-hash/hash-pool.ts';
import { parameter } from '../form.ts';
import { clientIdAlone } from './client-id-alone.ts';
import { clientSecretBasic } from './client-secret-basic.ts';
import { clientSecretPost } from './client-secret-post.ts';
import type { Attempt, AuthenticationMethod, ClientEvidence } from './method.ts';

const METHODS: readonly AuthenticationMethod[] = [clientSecretBasic, clientSecretPost, clientIdAlone];

/** Finds out which client a request comes from, and makes it prove that (RFC 6749 §2.3). */
export class ClientAuthentication {
  readonly #clients: ReadonlyMap<string, ClientConfig>;
  /** Stands in for a client that does not exist, so that finding this out takes as long. */
  readonly #decoy: ClientConfig | undefined;
  readonly #limits: LoginLimits;
  readonly #hashes: HashVerifier;

  constructor(clients: readonly ClientConfig[], limits: LoginLimits, hashes: HashVerifier) {
    this.#clients = new Map(clients.map((client) => [client.id, client]));
    this.#decoy = clients.find((client) => client.secret_hash !== undefined) ?? clients[0];
    this.#limits = limits;
    this.#hashes = hashes;
  }

  /**
   * @throws GatewayError `invalid_request` for evidence of more than one kind, `invalid_client` for evidence that is
   * missing, wrong, or not of the client's one registered method.
   */
  async authenticate(evidence: ClientEvidence, address: string): Promise<ClientConfig> {
    const attempt = singleAttempt(evidence);
    if (attempt === undefined) throw invalidClient(evidence);
    const client = this.#find(attempt);
    refuseOtherClientId(evidence, attempt);
    this.#limits.refuseLockedClient(client?.id, address);
    if (client && (await this.#isProven(attempt, client))) return client;
    if (!client && this.#decoy) await attempt.proves(this.#decoy, this.#hashes);
    await this.#limits.countRefusedClient(client?.id, address);
    throw invalidClient(evidence);
  }

  #find(attempt: Attempt): ClientConfig | undefined {
    return attempt.clientIds.map((id) => this.#clients.get(id)).find((client) => client !== undefined);
  }

  async #isProven(attempt: Attempt, client: ClientConfig): Promise<boolean> {
    return (await attempt.proves(client, this.#hashes)) && attempt.methods.includes(client.auth);
  }
}

function singleAttempt(evidence: ClientEvidence): Attempt | undefined {
  const attempts = METHODS.map((method) => method(evidence)).filter((attempt) => attempt !== undefined);
  if (attempts.length > 1) {
    throw new GatewayError('invalid_request', { description: 'The client authenticated in more than one way.' });
  }
  return attempts[0];
}

/** A `client_id` in the body beside another method has to name the same client. */
function refuseOtherClientId({ form }: ClientEvidence, attempt: Attempt): void {
  const named = parameter(form, 'client_id');
  if (named === undefined || attempt.clientIds.length === 0 || attempt.clientIds.includes(named)) return;
  throw new GatewayError('invalid_request', { description: 'The request names two clients.' });
}

/** RFC 6749 §5.2: the challenge is for a client that tried the Authorization header. */
function invalidClient({ authorization }: ClientEvidence): GatewayError {
  const tried = authorization !== undefined && /^basic(?: |$)/i.test(authorization);
  return new GatewayError('invalid_client', tried ? { headers: { 'WWW-Authenticate': 'Basic realm="postern"' } } : {});
}
