import type { Context } from 'koa';
import type { ClientConfig } from '../config/schema.ts';
import { GatewayError } from '../errors.ts';
import { singleHeader } from '../routing/single-header.ts';
import type { ClientCertificate } from '../tls/client-certificate.ts';
import type { Confirmation } from '../tokens/confirmation.ts';
import type { DpopProofs } from '../tokens/dpop-proofs.ts';
import type { FamilyOwner } from '../tokens/refresh-families.ts';

/** Finds out what the tokens of a client with `bind_tokens` are bound to: only who holds that key can use them. */
export class SenderBinding {
  readonly #proofs: DpopProofs;
  readonly #tokenUrl: string;

  constructor(proofs: DpopProofs, tokenUrl: string) {
    this.#proofs = proofs;
    this.#tokenUrl = tokenUrl;
  }

  /**
   * @returns undefined for a client whose tokens are not bound
   * @throws GatewayError `invalid_request` without a certificate (RFC 8705 §3); `invalid_dpop_proof`, `use_dpop_nonce`
   * (RFC 9449 §5, §8).
   */
  async confirmationFor(
    client: ClientConfig,
    certificate: ClientCertificate | undefined,
    ctx: Context,
  ): Promise<Confirmation | undefined> {
    if (client.bind_tokens === 'dpop') return { jkt: await this.#provenKey(ctx) };
    if (client.bind_tokens === undefined) return undefined;
    if (certificate !== undefined) return { 'x5t#S256': certificate.thumbprint };
    throw new GatewayError('invalid_request', {
      description: 'The tokens of this client are bound to its certificate, and it has shown none.',
    });
  }

  async #provenKey(ctx: Context): Promise<string> {
    const proof = singleHeader(ctx.req.rawHeaders, 'dpop');
    if (proof === undefined) throw new GatewayError('invalid_dpop_proof');
    const isFor = (url: URL) => `${url.origin}${url.pathname}` === this.#tokenUrl;
    const verified = await this.#proofs.verify(proof, { method: ctx.method, isFor, accessToken: undefined });
    await this.#proofs.spend(verified);
    // RFC 9449 §8.2: for the next proof, so that it needs no second try.
    ctx.set('DPoP-Nonce', await this.#proofs.currentNonce());
    return verified.thumbprint;
  }
}

/**
 * Who may use the refresh tokens: a client that authenticates, whatever key it has by then; a public client only with the
 * key of its login (RFC 8705 §4, RFC 9449 §5).
 */
export function ownerOf(client: ClientConfig, confirmation: Confirmation | undefined): FamilyOwner {
  return { clientId: client.id, ...(client.auth === 'none' && confirmation && { confirmation }) };
}
