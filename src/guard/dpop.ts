import type { Config } from '../config/schema.ts';
import { GatewayError } from '../errors.ts';
import { singleHeader } from '../routing/single-header.ts';
import { parseTarget } from '../routing/target.ts';
import type { DpopProof, DpopProofs } from '../tokens/dpop-proofs.ts';
import type { GuardedRequest } from './presented-token.ts';

/** Holds requests to the DPoP proofs that come with them (RFC 9449 §7). */
export class DpopGuard {
  readonly #proofs: DpopProofs;
  readonly #origins: ReadonlySet<string>;

  /** @param origins that callers know the gateway by. The Host header is not believed: the caller has written it. */
  constructor(proofs: DpopProofs, origins: ReadonlySet<string>) {
    this.#proofs = proofs;
    this.#origins = origins;
  }

  /** The thumbprint of the key that is proven. @throws GatewayError `invalid_dpop_proof`, `use_dpop_nonce` */
  async provenKey(request: GuardedRequest, accessToken: string): Promise<string> {
    const sent = singleHeader(request.rawHeaders, 'dpop');
    if (sent === undefined) throw new GatewayError('invalid_dpop_proof');
    const isFor = (url: URL) => this.#origins.has(url.origin) && canonicalPath(url) === request.path;
    const proof = await this.#proofs.verify(sent, { method: request.method, isFor, accessToken });
    await this.#spend(proof);
    return proof.thumbprint;
  }

  /** Without the store a proof is good for as long as its nonce: an outage ends the check for copies, not the traffic. */
  async #spend(proof: DpopProof): Promise<void> {
    try {
      await this.#proofs.spend(proof);
    } catch (error) {
      if (!(error instanceof GatewayError) || error.code !== 'temporarily_unavailable') throw error;
    }
  }
}

/** Where callers find the gateway, as the configuration tells. */
export function publicOrigins({ tokens, routes }: Pick<Config, 'tokens' | 'routes'>): ReadonlySet<string> {
  const urls = [tokens.issuer, tokens.audience].filter((text) => URL.canParse(text));
  const hosts = routes.flatMap(({ host }) => (host === undefined ? [] : [`https://${host}`, `http://${host}`]));
  return new Set([...urls, ...hosts].map((url) => new URL(url).origin));
}

/** In the one spelling that routes are matched in; undefined for a path that the gateway would refuse. */
function canonicalPath({ pathname }: URL): string | undefined {
  try {
    return parseTarget(pathname).path;
  } catch {
    return undefined;
  }
}
