import { decodeJwt, errors } from 'jose';
import type { ClientConfig } from '../../config/schema.ts';
import { GatewayError } from '../../errors.ts';
import type { UsedOnce } from '../../tokens/used-once.ts';
import { type Form, parameter } from '../form.ts';
import { type AssertionKeys, assertionKeys, type KeysFailureListener } from './assertion-keys.ts';
import type { AuthenticationMethod } from './method.ts';
import { verifyAssertion } from './verify-assertion.ts';

const JWT_BEARER = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

export interface AssertionParts {
  readonly clients: readonly ClientConfig[];
  /** What `aud` may be: the issuer, or the URL of the token endpoint. */
  readonly audiences: readonly string[];
  readonly usedAssertions: UsedOnce;
  readonly onKeysFailure: KeysFailureListener;
}

/** A JWT that the client signed, with its secret or its private key (RFC 7521 §4.2, RFC 7523 §2.2). */
export function createClientAssertion(parts: AssertionParts): AuthenticationMethod {
  const keysOf = new Map(parts.clients.map((client) => [client.id, assertionKeys(client, parts.onKeysFailure)]));
  return ({ form }) => {
    const assertion = readAssertion(form);
    if (assertion === undefined) return undefined;
    return {
      methods: ['client_secret_jwt', 'private_key_jwt'],
      clientIds: claimedIds(assertion),
      proves: ({ id }) => proves(assertion, id, keysOf.get(id), parts),
    };
  };
}

function readAssertion(form: Form): string | undefined {
  const type = parameter(form, 'client_assertion_type');
  const assertion = parameter(form, 'client_assertion');
  if (type === undefined && assertion === undefined) return undefined;
  if (type === JWT_BEARER && assertion !== undefined) return assertion;
  throw new GatewayError('invalid_request', {
    description: `client_assertion has to come with client_assertion_type ${JWT_BEARER}.`,
  });
}

/** Whom the assertion says it comes from, which is not verified yet. */
function claimedIds(assertion: string): readonly string[] {
  try {
    const { sub } = decodeJwt(assertion);
    return typeof sub === 'string' ? [sub] : [];
  } catch (error) {
    if (error instanceof errors.JWTInvalid) return [];
    throw error;
  }
}

/** Only what is good in all else uses up its `jti`. */
async function proves(
  assertion: string,
  clientId: string,
  keys: AssertionKeys | undefined,
  { audiences, usedAssertions }: AssertionParts,
): Promise<boolean> {
  if (keys === undefined) return false;
  const { jti, expiresAtMs } = await verifyAssertion(assertion, keys, { clientId, audiences });
  if (!(await usedAssertions.usedBefore(clientId, jti, expiresAtMs))) return true;
  throw new GatewayError('invalid_client', { cause: new Error('the assertion was used before') });
}
