import * as z from 'zod';
import { publicJwk } from './public-jwk.ts';
import { section } from './section.ts';
import { address, duration, flag, optional, positiveDuration, rate, scopes, secureUrl, text } from './values.ts';

const PASSWORD_HASH =
  /^\$argon2id\$(v=\d+\$)?m=\d+,t=\d+,p=\d+\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+$|^\$2[aby]\$\d\d\$[A-Za-z0-9./]{53}$/;

const AUTHENTICATION = [
  'none',
  'client_secret_basic',
  'client_secret_post',
  'client_secret_jwt',
  'private_key_jwt',
  'tls_client_auth',
  'self_signed_tls_client_auth',
] as const;

const CERTIFICATE_NAME = 'The name in the certificate of a client with `tls_client_auth`: one of these.';

const refresh = section({
  idle_ttl: positiveDuration
    .prefault('14d')
    .describe('A refresh token that is not used for this long is void. May not exceed `max_ttl`.'),
  max_ttl: positiveDuration
    .prefault('90d')
    .describe('So long after the login, the user has to log in again, however often the token was used.'),
  rotate: flag.prefault(true).describe('Whether each use returns a new refresh token.'),
  retry_grace: duration
    .prefault('5s')
    .describe(
      'How long a used token may be sent once more, for a caller that lost the answer. `0s` for never. May not exceed `idle_ttl`.',
    ),
});

export const client = section({
  id: text
    .regex(/^[\x21-\x39\x3b-\x7e]+$/, 'a client id is visible ASCII without a colon, so that it fits into Basic')
    .describe('The `client_id`: visible ASCII without a colon. No two are the same.'),
  name: optional(text).describe('For those who read the file.'),
  auth: z
    .enum(AUTHENTICATION, { error: `expected one of ${AUTHENTICATION.join(', ')}` })
    .describe(
      'How the client authenticates: `client_secret_basic`, `client_secret_post`, `client_secret_jwt`, `private_key_jwt`, [`tls_client_auth`, `self_signed_tls_client_auth`](#clients-with-certificates), or `none` for a public client. Only this way is accepted; others are 401 `invalid_client`.',
    ),
  secret_sha256: optional(
    z
      .string({ error: 'expected the SHA-256 of the secret, in quotes' })
      .regex(
        /^[0-9a-f]{64}$/,
        'expected the SHA-256 of the secret, 64 hexadecimal digits in lower case; the secret itself would be `secret`',
      ),
  ).describe('The SHA-256 of the secret: 64 hexadecimal digits in lower case, in quotes. For long random secrets.'),
  secret_hash: optional(
    text.regex(PASSWORD_HASH, 'expected an argon2id or bcrypt hash: $argon2id$… or $2b$…'),
  ).describe('The argon2id or bcrypt hash of the secret. Costs a password check for each request.'),
  secret: optional(text).describe('The secret itself; let it come from a variable.'),
  jwks: section({
    keys: z
      .array(publicJwk, { error: 'expected a list of public keys' })
      .min(1, 'without a key, the client can prove nothing')
      .describe('The public keys (RFC 7517 §4).'),
  })
    .optional()
    .describe(
      '`{keys: […]}` (RFC 7517 §5): the public keys of a client with `private_key_jwt` or `self_signed_tls_client_auth`.',
    ),
  jwks_uri: optional(secureUrl).describe('Where the client publishes them: `https://`, or `http://` on this host.'),
  tls_subject_dn: optional(text).describe(CERTIFICATE_NAME),
  tls_san_dns: optional(text).describe(CERTIFICATE_NAME),
  tls_san_uri: optional(text).describe(CERTIFICATE_NAME),
  tls_san_ip: optional(address('expected an IP address')).describe(CERTIFICATE_NAME),
  tls_san_email: optional(text).describe(CERTIFICATE_NAME),
  bind_tokens: z
    .enum(['certificate', 'dpop'], { error: 'expected certificate or dpop' })
    .optional()
    .describe('`certificate`, `dpop`: its tokens are good only together with [its certificate or key](#bound-tokens).'),
  grants: z
    .array(
      z.enum(['password', 'refresh_token', 'client_credentials'], {
        error: 'expected password, refresh_token or client_credentials',
      }),
      { error: 'expected a list of grants: password, refresh_token, client_credentials' },
    )
    .min(1, 'a client without a grant can do nothing')
    .describe(
      '`password`, `refresh_token`, `client_credentials`. With the first two, a login also returns a refresh token; `refresh_token` alone is refused.',
    ),
  scopes: scopes.describe('What the client may ask for. A scope that is not in this list is 400 `invalid_scope`.'),
  default_scopes: scopes.default([]).meta({
    description: 'What it gets if it asks for none. Each must be in `scopes`.',
    absent: 'all of `scopes`',
  }),
  id_token: flag.prefault(false).describe('Whether token answers have an `id_token` too.'),
  access_token_ttl: optional(positiveDuration).meta({
    description: "How long this client's access tokens are good.",
    absent: 'that of `tokens`',
  }),
  refresh: refresh
    .prefault({})
    .meta({ description: 'Lifetimes of refresh tokens.', absent: 'see [refresh](#refresh)' }),
  users: z
    .array(text, { error: 'expected a list of user stores' })
    .min(1, 'leave `users` out for all stores')
    .optional()
    .meta({
      description: 'Names of the user stores that are asked, in this order.',
      absent: 'all stores',
    }),
  rate_limit: optional(rate).describe('How many requests this client may send to the token endpoint: `100/1s`.'),
});
