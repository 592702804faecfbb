import * as z from 'zod';
import { section } from './section.ts';
import { encryptionKey, optional, positiveDuration, text, url } from './values.ts';

/** What `claims` may hold: any tree of YAML; `{user.x}` in its texts reads the verified user. */
const claims = z.record(z.string(), z.json(), { error: 'expected a mapping of claims to values' });

/** Asymmetric ones only: whoever can check a symmetric signature can make one too (RFC 8725 §3.5). */
const TRUSTED_ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];

export const trustedIssuer = section({
  issuer: url(['https', 'http'], { query: false }).describe(
    'The `iss` of its tokens, to the letter: an `https://` or `http://` URL without query.',
  ),
  jwks_uri: optional(url(['https', 'http'])).meta({ description: 'Where its public keys are.', absent: 'discovered' }),
  audience: text.describe('What must be in the `aud` of its tokens. A route may expect another one.'),
  algorithms: z
    .array(z.enum(TRUSTED_ALGORITHMS, { error: `expected one of ${TRUSTED_ALGORITHMS.join(', ')}` }), {
      error: 'expected a list of algorithms',
    })
    .min(1, 'leave `algorithms` out for RS256')
    .default(['RS256'])
    .describe(`Of ${TRUSTED_ALGORITHMS.map((algorithm) => `\`${algorithm}\``).join(', ')}.`),
  scope_claim: z
    .enum(['scope', 'scp', 'permissions'], { error: 'expected scope, scp or permissions' })
    .default('scope')
    .describe(
      'The claim with the scopes: `scope`, `scp` or `permissions`. It is a text with blanks between them, or a list.',
    ),
});

const signing = section({
  algorithm: z
    .enum(['RS256', 'PS256', 'ES256', 'EdDSA'], { error: 'expected RS256, PS256, ES256 or EdDSA' })
    .default('RS256')
    .describe('`RS256`, `PS256`, `ES256` or `EdDSA`.'),
  keys_dir: optional(text).describe('A folder of private keys. Without it, keys are made and kept in the store.'),
  rotate_every: positiveDuration
    .prefault('90d')
    .describe('How long a key in the store signs. At least a tenth of the longest lifetime of a token.'),
  overlap: positiveDuration
    .prefault('1d')
    .describe('How long a key is published before it signs. At least 10m, and at most half of `rotate_every`.'),
  // Not left out when it is empty: a variable that came without its value would leave the keys unprotected.
  encryption_key: encryptionKey
    .optional()
    .describe(
      '32 bytes, as 64 hexadecimal digits or in base64. Private keys in the store are encrypted with it. May not be empty.',
    ),
});

export const tokens = section({
  issuer: url(['https', 'http'], { query: false }).describe(
    'The `iss` of all tokens: an `https://` or `http://` URL without query.',
  ),
  audience: text.describe(
    'The `aud` of access tokens, beside those that routes expect: see [whose tokens a route takes](#whose-tokens-a-route-takes).',
  ),
  access_token_ttl: positiveDuration
    .prefault('15m')
    .describe('How long an access token is good. A client may have its own.'),
  id_token_ttl: positiveDuration.prefault('15m').describe('The same for ID tokens: how long one is good.'),
  signing: signing.prefault({}).describe('The keys that tokens are signed with.'),
  claims: claims.default({}).describe('Further claims of access tokens. `{user.x}` is an attribute of the user.'),
  id_token_claims: claims.default({}).describe('Further claims of ID tokens.'),
  trusted_issuers: z
    .array(trustedIssuer, { error: 'expected a list of issuers' })
    .prefault([])
    .describe('[Other issuers](#trusted-issuers) whose access tokens routes may take.'),
}).describe('The tokens that the gateway issues, and those of others that it takes.');
