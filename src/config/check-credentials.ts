import type { Locate } from './check.ts';
import type { Problem } from './problem.ts';
import type { ClientConfig, ListenConfig } from './schema.ts';

/** What a client can prove itself with, by its method: exactly one of these, where there are any. */
const CREDENTIALS = {
  none: [],
  client_secret_basic: ['secret_sha256', 'secret_hash', 'secret'],
  client_secret_post: ['secret_sha256', 'secret_hash', 'secret'],
  client_secret_jwt: ['secret'],
  private_key_jwt: ['jwks', 'jwks_uri'],
  tls_client_auth: ['tls_subject_dn', 'tls_san_dns', 'tls_san_uri', 'tls_san_ip', 'tls_san_email'],
  self_signed_tls_client_auth: ['jwks', 'jwks_uri'],
} as const satisfies Record<ClientConfig['auth'], readonly (keyof ClientConfig)[]>;

type Credential = (typeof CREDENTIALS)[ClientConfig['auth']][number];

const ALL_CREDENTIALS: readonly Credential[] = [...new Set(Object.values(CREDENTIALS).flat())];

/** @param at locates within the client. */
export function* checkCredentials(client: ClientConfig, at: Locate): Iterable<Problem> {
  const usable: readonly Credential[] = CREDENTIALS[client.auth];
  const given = ALL_CREDENTIALS.filter((key) => client[key] !== undefined);
  const [first, ...others] = given.filter((key) => usable.includes(key));
  if (!first && usable.length > 0) yield { position: at(['auth']), message: `this needs ${oneOf(usable)}` };
  for (const key of others) {
    yield { position: at([key], 'key'), message: `one is enough, and \`${first}\` is it already` };
  }
  for (const key of given.filter((other) => !usable.includes(other))) {
    yield { position: at([key], 'key'), message: uselessCredential(client.auth, key) };
  }
  yield* checkHmacSecret(client, at);
}

function oneOf(keys: readonly Credential[]): string {
  const words = new Intl.ListFormat('en-GB').format(keys.map((key) => `\`${key}\``));
  return keys.length > 1 ? `one of ${words}` : words;
}

function uselessCredential(auth: ClientConfig['auth'], key: Credential): string {
  if (auth === 'client_secret_jwt' && key.startsWith('secret_')) {
    return '`auth: client_secret_jwt` needs the plain `secret`: a hash of it verifies no signature';
  }
  return `a client with \`auth: ${auth}\` has no \`${key}\``;
}

/** RFC 7518 §3.2: a key of the size of the hash or larger. */
const MIN_HMAC_SECRET_BYTES = 32;

function* checkHmacSecret({ auth, secret }: ClientConfig, at: Locate): Iterable<Problem> {
  if (auth !== 'client_secret_jwt' || secret === undefined) return;
  if (Buffer.byteLength(secret) >= MIN_HMAC_SECRET_BYTES) return;
  const message = `\`auth: client_secret_jwt\` needs a secret of ${MIN_HMAC_SECRET_BYTES} bytes or more (RFC 7518 §3.2)`;
  yield { position: at(['secret']), message };
}

/** A client cannot show a certificate where nobody sees it. */
export function* checkCertificates(client: ClientConfig, listen: ListenConfig, at: Locate): Iterable<Problem> {
  const key = client.auth.endsWith('tls_client_auth') ? 'auth' : client.bind_tokens === 'certificate' && 'bind_tokens';
  if (!key) return;
  const { tls, client_certificate_header: header, client_certificate_ca_file: headerAuthorities } = listen;
  if (!tls && !header) {
    const message = 'this needs certificates of clients: `listen` has neither `tls` nor `client_certificate_header`';
    yield { position: at([key]), message };
  } else if (client.auth === 'tls_client_auth' && !tls?.client_ca_file && !headerAuthorities) {
    const file = tls ? 'tls.client_ca_file' : 'client_certificate_ca_file';
    yield {
      position: at(['auth']),
      message: `this needs \`listen.${file}\`: the authorities for certificates of clients`,
    };
  }
}
