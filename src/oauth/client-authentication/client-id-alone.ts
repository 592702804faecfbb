import type { ClientConfig } from '../../config/schema.ts';
import type { ClientCertificate } from '../../tls/client-certificate.ts';
import { parameter } from '../form.ts';
import type { KeysFailureListener } from './assertion-keys.ts';
import type { AuthenticationMethod } from './method.ts';
import { createOwnKeyCheck, type OwnKeyCheck } from './self-signed-tls-client-auth.ts';
import { showsOwnName } from './tls-client-auth.ts';

interface ClientIdParts {
  readonly clients: readonly ClientConfig[];
  readonly onKeysFailure: KeysFailureListener;
}

/**
 * A client that only says who it is. A public one (RFC 6749 §3.2.1) has nothing to prove, whatever certificate its
 * connection may have; the others prove themselves by that (RFC 8705 §2). Which it is, its registration says.
 */
export function createClientIdAlone({ clients, onKeysFailure }: ClientIdParts): AuthenticationMethod {
  const selfSigned = clients.filter(({ auth }) => auth === 'self_signed_tls_client_auth');
  const ownKeyChecks = new Map(selfSigned.map((client) => [client.id, createOwnKeyCheck(client, onKeysFailure)]));
  return ({ authorization, form, certificate }) => {
    const clientId = parameter(form, 'client_id');
    const shown = authorization ?? parameter(form, 'client_secret') ?? parameter(form, 'client_assertion');
    if (clientId === undefined || shown !== undefined) return undefined;
    return {
      methods: ['none', 'tls_client_auth', 'self_signed_tls_client_auth'],
      clientIds: [clientId],
      proves: (client) => client.auth === 'none' || isShownBy(certificate, client, ownKeyChecks.get(client.id)),
    };
  };
}

function isShownBy(
  certificate: ClientCertificate | undefined,
  client: ClientConfig,
  isOwnKey: OwnKeyCheck | undefined,
): boolean | Promise<boolean> {
  if (certificate === undefined) return false;
  if (client.auth === 'tls_client_auth') return showsOwnName(certificate, client);
  return isOwnKey?.(certificate) ?? false;
}
