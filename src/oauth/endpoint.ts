import type { Context } from 'koa';
import type { ClientCertificate } from '../tls/client-certificate.ts';

/** Who calls an endpoint, as far as it is known; the endpoint fills in what it finds out, for the access log. */
export interface Caller {
  readonly requestId: string;
  readonly address: string;
  certificate: ClientCertificate | undefined;
  client: string | undefined;
  subject: string | undefined;
}

/** One of the gateway's own endpoints. @throws GatewayError, which the app answers. */
export type Endpoint = (ctx: Context, caller: Caller) => Promise<void> | void;
