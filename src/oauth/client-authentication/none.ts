import { parameter } from '../form.ts';
import type { Attempt, AuthenticationMethod } from './method.ts';

/** A public client only says who it is (RFC 6749 §3.2.1). Being registered as public is all that there is to prove. */
export const none: AuthenticationMethod = ({ authorization, form }): Attempt | undefined => {
  const clientId = parameter(form, 'client_id');
  if (clientId === undefined || authorization !== undefined || form.has('client_secret')) return undefined;
  return { method: 'none', clientIds: [clientId], proves: (client) => client.auth === 'none' };
};
