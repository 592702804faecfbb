import { parameter } from '../form.ts';
import type { AuthenticationMethod } from './method.ts';

/** A public client only says who it is (RFC 6749 §3.2.1). Being registered as public is all that there is to prove. */
export const none: AuthenticationMethod = ({ authorization, form }) => {
  const clientId = parameter(form, 'client_id');
  const showsMore = authorization !== undefined || form.has('client_secret') || form.has('client_assertion');
  if (clientId === undefined || showsMore) return undefined;
  return { methods: ['none'], clientIds: [clientId], proves: (client) => client.auth === 'none' };
};
