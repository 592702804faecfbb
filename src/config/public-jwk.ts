import { createPublicKey } from 'node:crypto';
import type { JWK } from 'jose';
import * as z from 'zod';

/** What a key can verify (RFC 7518 §3.1, RFC 8037 §3.1, RFC 9864 §2.2), by its type, or its curve where it has one. */
const ALGORITHMS: ReadonlyMap<unknown, readonly string[]> = new Map([
  ['RSA', ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']],
  ['P-256', ['ES256']],
  ['P-384', ['ES384']],
  ['P-521', ['ES512']],
  ['Ed25519', ['EdDSA', 'Ed25519']],
]);

/** All that a public key of someone else may have signed with. */
export const SIGNATURE_ALGORITHMS: readonly string[] = [...ALGORITHMS.values()].flat();

/** RFC 7518 §3.3. jose verifies nothing with less. */
const MIN_RSA_BITS = 2048;

const JWK_EXPECTED = 'expected a public key as a JWK (RFC 7517): RSA, P-256, P-384, P-521 or Ed25519';

/** RFC 7518 §6.2.2, §6.3.2: any of these makes a key a private one. */
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth'];

/** A public key that can verify signatures (RFC 7517 §4). What makes one unusable is told with its place in the file. */
export const publicJwk = z.record(z.string(), z.json(), { error: JWK_EXPECTED }).transform((value, context): JWK => {
  const jwk = value as JWK;
  const problem = jwkProblem(jwk);
  if (problem !== undefined) context.addIssue(problem);
  return jwk;
});

function jwkProblem(jwk: JWK): string | undefined {
  if (jwk.kty === 'oct') return 'a symmetric key proves nothing here: expected a public key';
  if (PRIVATE_MEMBERS.some((member) => member in jwk)) return 'this key is private: only its public half belongs here';
  const usable = ALGORITHMS.get(jwk.kty === 'RSA' ? jwk.kty : jwk.crv);
  const bits = usable && rsaBits(jwk);
  if (usable === undefined || bits === undefined) return JWK_EXPECTED;
  if (bits < MIN_RSA_BITS) return `an RSA key needs ${MIN_RSA_BITS} bits`;
  if (jwk.kid !== undefined && typeof jwk.kid !== 'string') return '`kid` is text: a number needs quotes';
  if (jwk.alg !== undefined && !usable.includes(jwk.alg))
    return `the \`alg\` of this key can be ${usable.join(', ')} only`;
  return signs(jwk) ? undefined : 'by its `use` or `key_ops`, this key does not verify signatures';
}

/** Infinity for other types of key; undefined for what is no key. */
function rsaBits(jwk: JWK): number | undefined {
  try {
    const { asymmetricKeyDetails } = createPublicKey({ key: { ...jwk }, format: 'jwk' });
    return asymmetricKeyDetails?.modulusLength ?? Number.POSITIVE_INFINITY;
  } catch {
    return undefined;
  }
}

function signs({ use = 'sig', key_ops = ['verify'] }: JWK): boolean {
  return use === 'sig' && Array.isArray(key_ops) && key_ops.includes('verify');
}
