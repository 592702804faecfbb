import type { ClientConfig } from '../../config/schema.ts';
import type { ClientCertificate } from '../../tls/client-certificate.ts';
import type { Form } from '../form.ts';

/** What a request shows of who sends it. */
export interface ClientEvidence {
  readonly authorization: string | undefined;
  readonly form: Form;
  readonly certificate: ClientCertificate | undefined;
}

/** A try to authenticate. */
export interface Attempt {
  /** The methods that the evidence is good for: the client has to be registered for one of them. */
  readonly methods: readonly ClientConfig['auth'][];
  /** Who the client may be: more than one where an id can be read in two ways. */
  readonly clientIds: readonly string[];
  /**
   * Whether the request proves to come from this client. Costs the same whether it does or not.
   *
   * @throws GatewayError `invalid_client` where the log can be told why it does not, `temporarily_unavailable` where that
   * cannot be found out.
   */
  proves(client: ClientConfig): boolean | Promise<boolean>;
}

/** One way for a client to authenticate: finds its evidence in a request, or nothing. @throws GatewayError `invalid_request`. */
export type AuthenticationMethod = (evidence: ClientEvidence) => Attempt | undefined;
