import type { Context } from 'koa';
import type { ClientConfig } from '../config/schema.ts';
import { GatewayError } from '../errors.ts';
import { singleHeader } from '../routing/single-header.ts';
import type { ClientAuthentication } from './client-authentication/authenticate.ts';
import type { Caller } from './endpoint.ts';
import { type Form, readForm } from './form.ts';

/** A form that a known client sent. */
export interface ClientRequest {
  readonly form: Form;
  readonly client: ClientConfig;
}

/** How the token, revocation and introspection endpoints all begin. @throws GatewayError as RFC 6749 §5.2 has it. */
export async function readClientRequest(
  ctx: Context,
  caller: Caller,
  clients: ClientAuthentication,
): Promise<ClientRequest> {
  neverStored(ctx);
  postOnly(ctx);
  const form = await readForm(ctx);
  const authorization = singleHeader(ctx.req.rawHeaders, 'authorization');
  const client = await clients.authenticate({ authorization, form, certificate: caller.certificate }, caller.address);
  caller.client = client.id;
  return { form, client };
}

/** RFC 6749 §5.1: what holds tokens or credentials is kept by no cache. */
function neverStored(ctx: Context): void {
  ctx.set({ 'Cache-Control': 'no-store', Pragma: 'no-cache' });
}

function postOnly(ctx: Context): void {
  if (ctx.method !== 'POST') throw new GatewayError('method_not_allowed', { headers: { Allow: 'POST' } });
}
