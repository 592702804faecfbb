import type { ClientConfig } from '../config/schema.ts';
import { GatewayError } from '../errors.ts';
import { type Form, parameter } from './form.ts';

/** The scopes that a request names; undefined if it names none. @throws GatewayError `invalid_scope` (RFC 6749 §3.3). */
export function requestedScope(form: Form): readonly string[] | undefined {
  const scope = parameter(form, 'scope');
  if (scope === undefined) return undefined;
  if (!/^[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*$/.test(scope)) throw new GatewayError('invalid_scope');
  return [...new Set(scope.split(' '))];
}

/** What a client gets: what it asks for if it may have all of it, or its default. @throws GatewayError `invalid_scope`. */
export function grantedScope(form: Form, client: ClientConfig): readonly string[] {
  const requested = requestedScope(form);
  if (requested === undefined) return client.default_scopes.length > 0 ? client.default_scopes : client.scopes;
  if (!requested.every((scope) => client.scopes.includes(scope))) throw new GatewayError('invalid_scope');
  return requested;
}
