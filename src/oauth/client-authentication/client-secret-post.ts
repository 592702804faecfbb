import type { HashVerifier } from '../../users/password-hash/hash-pool.ts';
import { parameter } from '../form.ts';
import type { AuthenticationMethod } from './method.ts';
import { isSecretOf } from './secret.ts';

/** `client_id` and `client_secret` in the body (RFC 6749 §2.3.1). */
export function createClientSecretPost(hashes: HashVerifier): AuthenticationMethod {
  return ({ form }) => {
    const secret = parameter(form, 'client_secret');
    if (secret === undefined) return undefined;
    return {
      methods: ['client_secret_post'],
      clientIds: [parameter(form, 'client_id') ?? ''],
      proves: (client) => isSecretOf(client, secret, hashes),
    };
  };
}
