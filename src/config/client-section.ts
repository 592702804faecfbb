import { z } from 'zod';
import { publicJwk } from './public-jwk.ts';
import { section } from './section.ts';
import { duration, flag, optional, positiveDuration, rate, scopes, secureUrl, text } from './values.ts';

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

export const client = section({
  id: text.regex(/^[\x21-\x39\x3b-\x7e]+$/, 'a client id is visible ASCII without a colon, so that it fits into Basic'),
  name: optional(text),
  auth: z.enum(AUTHENTICATION, { error: `expected one of ${AUTHENTICATION.join(', ')}` }),
  secret_sha256: optional(
    z
      .string({ error: 'expected the SHA-256 of the secret, in quotes' })
      .regex(/^[0-9a-f]{64}$/, 'expected 64 hexadecimal digits, in lower case'),
  ),
  secret_hash: optional(text.regex(PASSWORD_HASH, 'expected an argon2id or bcrypt hash: $argon2id$… or $2b$…')),
  secret: optional(text),
  jwks: section({
    keys: z
      .array(publicJwk, { error: 'expected a list of public keys' })
      .min(1, 'without a key, the client can prove nothing'),
  }).optional(),
  jwks_uri: optional(secureUrl),
  tls_subject_dn: optional(text),
  tls_san_dns: optional(text),
  tls_san_uri: optional(text),
  tls_san_ip: optional(z.union([z.ipv4(), z.ipv6()], { error: 'expected an IP address' })),
  tls_san_email: optional(text),
  bind_tokens: z.enum(['certificate', 'dpop'], { error: 'expected certificate or dpop' }).optional(),
  grants: z
    .array(
      z.enum(['password', 'refresh_token', 'client_credentials'], {
        error: 'expected password, refresh_token or client_credentials',
      }),
      { error: 'expected a list of grants: password, refresh_token, client_credentials' },
    )
    .min(1, 'a client without a grant can do nothing'),
  scopes,
  default_scopes: scopes.default([]),
  id_token: flag.default(false),
  access_token_ttl: optional(positiveDuration),
  refresh: section({
    idle_ttl: positiveDuration.prefault('14d'),
    max_ttl: positiveDuration.prefault('90d'),
    rotate: flag.default(true),
    retry_grace: duration.prefault('5s'),
  }).prefault({}),
  users: z
    .array(text, { error: 'expected a list of user stores' })
    .min(1, 'leave `users` out for all stores')
    .optional(),
  rate_limit: optional(rate),
});
