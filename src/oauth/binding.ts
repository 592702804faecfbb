import type { ClientConfig } from '../config/schema.ts';
import { GatewayError } from '../errors.ts';
import type { ClientCertificate } from '../tls/client-certificate.ts';
import type { Confirmation } from '../tokens/mint.ts';
import type { FamilyOwner } from '../tokens/refresh-families.ts';

/**
 * What the tokens of a client with `bind_tokens` are bound to (RFC 8705 §3.1): only who holds the key can use them.
 *
 * @throws GatewayError `invalid_request` when the client shows no certificate.
 */
export function confirmationFor(
  client: ClientConfig,
  certificate: ClientCertificate | undefined,
): Confirmation | undefined {
  if (client.bind_tokens === undefined) return undefined;
  if (certificate !== undefined) return { 'x5t#S256': certificate.thumbprint };
  throw new GatewayError('invalid_request', {
    description: 'The tokens of this client are bound to its certificate, and it has shown none.',
  });
}

/**
 * Who may use the refresh tokens: a client that authenticates, whatever certificate it has by then; a public client only
 * with the certificate of its login (RFC 8705 §4).
 */
export function ownerOf(client: ClientConfig, certificate: ClientCertificate | undefined): FamilyOwner {
  const isBound = client.auth === 'none' && client.bind_tokens !== undefined;
  return { clientId: client.id, ...(isBound && certificate && { certificate: certificate.thumbprint }) };
}
