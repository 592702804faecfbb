import type { ClientConfig } from '../../config/schema.ts';
import type { ClientCertificate } from '../../tls/client-certificate.ts';
import { parameter } from '../form.ts';
import type { Attempt, AuthenticationMethod } from './method.ts';
import { showsOwnKey } from './self-signed-tls-client-auth.ts';
import { showsOwnName } from './tls-client-auth.ts';

/**
 * A client that only says who it is. A public one (RFC 6749 §3.2.1) has nothing to prove, whatever certificate its
 * connection may have; the others prove themselves by that (RFC 8705 §2). Which it is, its registration says.
 */
export const clientIdAlone: AuthenticationMethod = ({ authorization, form, certificate }): Attempt | undefined => {
  const clientId = parameter(form, 'client_id');
  const showsMore = authorization !== undefined || form.has('client_secret') || form.has('client_assertion');
  if (clientId === undefined || showsMore) return undefined;
  return {
    methods: ['none', 'tls_client_auth', 'self_signed_tls_client_auth'],
    clientIds: [clientId],
    proves: (client) => client.auth === 'none' || isShownBy(certificate, client),
  };
};

function isShownBy(certificate: ClientCertificate | undefined, client: ClientConfig): boolean {
  if (certificate === undefined) return false;
  return client.auth === 'tls_client_auth' ? showsOwnName(certificate, client) : showsOwnKey(certificate, client);
}
