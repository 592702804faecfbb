import { parameter } from '../form.ts';
import type { Attempt, AuthenticationMethod } from './method.ts';
import { isSecretOf } from './secret.ts';

/** `client_id` and `client_secret` in the body (RFC 6749 §2.3.1). */
export const clientSecretPost: AuthenticationMethod = ({ form }): Attempt | undefined => {
  const secret = parameter(form, 'client_secret');
  if (secret === undefined) return undefined;
  return {
    methods: ['client_secret_post'],
    clientIds: [parameter(form, 'client_id') ?? ''],
    proves: (client, hashes) => isSecretOf(client, secret, hashes),
  };
};
