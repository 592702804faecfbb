import { type FetchInit, fetchDocument } from './fetch-document.ts';

/**
 * The text of an issuer's JWKS, wherever its metadata says it is. Both are read each time, so that keys that move are
 * found again; whoever asks sees to it that this is seldom.
 *
 * @throws Error when the keys or their place cannot be had, or the metadata is another issuer's.
 */
export async function fetchDiscoveredKeys(issuer: string, init: FetchInit): Promise<string> {
  return fetchDocument(await discoverKeys(issuer, init), init);
}

/** The `jwks_uri` of the first metadata that is there and sound. */
async function discoverKeys(issuer: string, init: FetchInit): Promise<string> {
  const failures: unknown[] = [];
  for (const url of metadataUrls(issuer)) {
    try {
      return jwksUri(JSON.parse(await fetchDocument(url, init)), issuer);
    } catch (cause) {
      failures.push(cause);
    }
  }
  throw new AggregateError(failures, `there is no usable metadata of ${issuer}`);
}

/** OpenID Connect Discovery 1.0 §4 puts the well-known part behind the issuer's path, RFC 8414 §3.1 before it. */
function metadataUrls(issuer: string): readonly string[] {
  const { origin, pathname } = new URL(issuer);
  const path = pathname.replace(/\/$/, '');
  return [
    `${origin}${path}/.well-known/openid-configuration`,
    `${origin}/.well-known/oauth-authorization-server${path}`,
  ];
}

/** Metadata that names another issuer must not be used (RFC 8414 §3.3), nor keys that took a less safe way than it. */
function jwksUri(metadata: unknown, issuer: string): string {
  const { issuer: named, jwks_uri: uri } = Object(metadata);
  if (named !== issuer) throw new Error('the metadata is that of another issuer');
  const schemes = issuer.startsWith('https:') ? ['https:'] : ['https:', 'http:'];
  if (typeof uri === 'string' && URL.canParse(uri) && schemes.includes(new URL(uri).protocol)) return uri;
  throw new Error('the metadata has no usable jwks_uri');
}
