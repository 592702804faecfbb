import type { ClientConfig } from '../../config/schema.ts';
import type { Confirmation } from '../../tokens/confirmation.ts';
import type { TokenGrant } from '../../tokens/mint.ts';
import type { Form } from '../form.ts';

/** A token request whose client is known and may use the grant. */
export interface GrantRequest {
  readonly form: Form;
  readonly client: ClientConfig;
  /** What its tokens will be bound to. */
  readonly confirmation: Confirmation | undefined;
  readonly address: string;
  readonly requestId: string;
}

export interface Granted {
  readonly grant: TokenGrant;
  /** Undefined where the client's grants have no refresh_token. */
  readonly refreshToken: string | undefined;
}

/** One way to earn tokens. @throws GatewayError with the codes of RFC 6749 §5.2. */
export interface Grant {
  readonly type: ClientConfig['grants'][number];
  authorize(request: GrantRequest): Promise<Granted>;
}
