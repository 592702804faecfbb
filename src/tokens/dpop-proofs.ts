import { createHash } from 'node:crypto';
import { calculateJwkThumbprint, EmbeddedJWK, type JWTPayload, jwtVerify } from 'jose';
import { GatewayError } from '../errors.ts';
import type { Store } from '../store/store.ts';
import { DpopNonces } from './dpop-nonces.ts';
import { SharedSecret } from './shared-secret.ts';
import { UsedOnce } from './used-once.ts';

/** What a proof has to be about. */
export interface ProvenRequest {
  readonly method: string;
  /** Whether `htu`, without its query and fragment, is the URL that was asked for. */
  isFor(url: URL): boolean;
  /** Undefined at the token endpoint, where there is none yet. */
  readonly accessToken: string | undefined;
}

export interface DpopProof {
  /** RFC 7638, SHA-256: what tokens are bound to (`cnf.jkt`). */
  readonly thumbprint: string;
  readonly id: string;
  /** From then on the proof is refused for its age. */
  readonly expiresAtMs: number;
}

/** Signatures of a key that only the client has (RFC 9449 §4.3): never symmetric ones. */
export const DPOP_ALGORITHMS = [
  'ES256',
  'ES384',
  'ES512',
  'PS256',
  'PS384',
  'PS512',
  'RS256',
  'RS384',
  'RS512',
  'EdDSA',
];

const LONGEST_PROOF = 8192;
const LONGEST_ID = 256;
const GOOD_FOR_SECONDS = 300;
const CLOCK_TOLERANCE_SECONDS = 60;

/** Verifies DPoP proofs (RFC 9449 §4.3). */
export class DpopProofs {
  readonly #nonces: DpopNonces;
  readonly #spent: Pick<UsedOnce, 'usedBefore' | 'wasUsed'>;

  constructor(nonces: DpopNonces, spent: Pick<UsedOnce, 'usedBefore' | 'wasUsed'>) {
    this.#nonces = nonces;
    this.#spent = spent;
  }

  /**
   * @throws GatewayError `invalid_dpop_proof`; `use_dpop_nonce` with the nonce to use, when all else is right;
   * `temporarily_unavailable` as long as there are no nonces.
   */
  async verify(proof: string, request: ProvenRequest): Promise<DpopProof> {
    const { payload, thumbprint } = await verifySignature(proof);
    const id = claimedId(payload, request);
    const { iat = 0, nonce } = payload;
    if (typeof nonce !== 'string' || !(await this.#nonces.isGood(nonce))) throw await this.#useNonce();
    return { thumbprint, id, expiresAtMs: (iat + GOOD_FOR_SECONDS + CLOCK_TOLERANCE_SECONDS) * 1000 };
  }

  /**
   * Each proof is good for one request (RFC 9449 §11.1). Asked last: what is not good otherwise must not use it up.
   *
   * @throws GatewayError `invalid_dpop_proof`; `temporarily_unavailable` when the store is out.
   */
  async spend({ thumbprint, id, expiresAtMs }: DpopProof): Promise<void> {
    if (await this.#spent.usedBefore(thumbprint, id, expiresAtMs)) throw refused('it was used before');
  }

  /** The same for who only looks: a proof is not used up, but one that was used is refused. */
  onlooker(): DpopProofs {
    const wasUsed = (owner: string, id: string) => this.#spent.wasUsed(owner, id);
    return new DpopProofs(this.#nonces, { usedBefore: wasUsed, wasUsed });
  }

  /** What a client puts into its next proof. */
  currentNonce(): Promise<string> {
    return this.#nonces.current();
  }

  async #useNonce(): Promise<GatewayError> {
    return new GatewayError('use_dpop_nonce', { headers: { 'DPoP-Nonce': await this.#nonces.current() } });
  }
}

/** With nonces, and a memory for spent proofs, that all gateways on this store share. */
export function createDpopProofs(store: Store): DpopProofs {
  const nonces = new DpopNonces(new SharedSecret(store, 'dpop-nonce'));
  return new DpopProofs(nonces, new UsedOnce(store, 'dpop-proof'));
}

async function verifySignature(proof: string): Promise<{ payload: JWTPayload; thumbprint: string }> {
  if (proof.length > LONGEST_PROOF) throw refused('it is too long');
  try {
    const { payload, protectedHeader } = await jwtVerify(proof, EmbeddedJWK, {
      algorithms: DPOP_ALGORITHMS,
      typ: 'dpop+jwt',
      requiredClaims: ['jti', 'htm', 'htu', 'iat'],
      maxTokenAge: GOOD_FOR_SECONDS,
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
    });
    return { payload, thumbprint: await calculateJwkThumbprint(protectedHeader.jwk ?? {}) };
  } catch (cause) {
    // Of jose's, or of the cryptography that was given the client's own key: nothing else takes part.
    throw refused('it does not verify', cause);
  }
}

/** The proof's `jti`, if it is about this request. */
function claimedId({ jti, htm, htu, ath }: JWTPayload, { method, isFor, accessToken }: ProvenRequest): string {
  if (typeof jti !== 'string' || jti === '' || jti.length > LONGEST_ID) throw refused('its jti is no identifier');
  if (htm !== method) throw refused('it is for another method');
  if (typeof htu !== 'string' || !URL.canParse(htu) || !isFor(new URL(htu))) throw refused('it is for another URL');
  if (accessToken !== undefined && ath !== hashOf(accessToken)) throw refused('it is for another access token');
  return jti;
}

/** RFC 9449 §4.2, `ath`. */
function hashOf(accessToken: string): string {
  return createHash('sha256').update(accessToken).digest('base64url');
}

function refused(reason: string, cause?: unknown): GatewayError {
  return new GatewayError('invalid_dpop_proof', {
    cause: new Error(`the DPoP proof is refused: ${reason}`, { cause }),
  });
}
