import { randomUUID } from 'node:crypto';
import { resolve } from 'node:path';
import {
  type CryptoKey,
  decodeJwt,
  decodeProtectedHeader,
  generateKeyPair,
  type JWSHeaderParameters,
  type JWTPayload,
  SignJWT,
} from 'jose';
import { SIGNATURE_ALGORITHMS } from '../config/public-jwk.ts';
import type { Config } from '../config/schema.ts';
import { unavailable } from '../errors.ts';
import type { TokenIssuer } from './issuer.ts';
import { KeysDirectory, lookAtKeys } from './keys-directory.ts';
import type { OwnKeys } from './own-issuer.ts';
import { createIssuers, TokenVerifier } from './verify.ts';

/** What an explanation is asked about: a token as it was sent, or the claims of one that is taken as verified. */
export type Presented = { readonly token: string } | { readonly claims: JWTPayload } | undefined;

export interface OfflineTokens {
  readonly verifier: TokenVerifier;
  /** What to send as the access token. */
  readonly bearer: string | undefined;
  /** What a running gateway would look at in the token, and cannot be seen from here. */
  readonly unchecked: readonly ('signature' | 'revocation')[];
}

type Issuers = ReadonlyMap<string, TokenIssuer>;

/**
 * Verifies without a network and without a store: by the keys in `keys_dir` where they signed, and else all of a token but
 * its signature. That is replaced by one of a key that is made for it, so that nothing is verified by another code than
 * the gateway's.
 */
export async function openOfflineTokens(config: Config, presented: Presented): Promise<OfflineTokens> {
  const own = presented && 'token' in presented ? await keysInFiles(config) : undefined;
  const issuers = createIssuers(config, own ?? NO_KEYS, () => {});
  if (presented === undefined) return { verifier: verifierOf(issuers), bearer: undefined, unchecked: [] };
  if ('claims' in presented) {
    const claims = completed(presented.claims, config.tokens.issuer, issuers);
    return { ...(await signAnew(claims, { typ: 'at+jwt' }, issuers)), unchecked: [] };
  }
  const { header, claims } = read(presented.token);
  const isVerifiable = own !== undefined && claims?.iss === config.tokens.issuer;
  if (isVerifiable || !canSignAnew(claims, header)) {
    return { verifier: verifierOf(issuers), bearer: presented.token, unchecked: ['revocation'] };
  }
  return { ...(await signAnew(claims, header, issuers)), unchecked: ['signature', 'revocation'] };
}

const NO_KEYS: OwnKeys = {
  loaded: undefined,
  load: () => Promise.reject(unavailable(new Error('the signing keys are not in files'))),
};

async function keysInFiles({ tokens, directory }: Config): Promise<OwnKeys | undefined> {
  const { keys_dir, ...policy } = tokens.signing;
  const folder = keys_dir && resolve(directory, keys_dir);
  // Where there is no key yet, reading would make the first.
  if (folder === undefined || lookAtKeys(folder, policy.algorithm).length === 0) return undefined;
  const source = new KeysDirectory(folder, policy);
  await source.refresh();
  const loaded = source.current();
  return { loaded, load: async () => loaded };
}

function verifierOf(issuers: Issuers): TokenVerifier {
  return new TokenVerifier(issuers, { refuse: () => {} });
}

function read(token: string): { header?: JWSHeaderParameters; claims?: JWTPayload } {
  try {
    return { header: decodeProtectedHeader(token), claims: decodeJwt(token) };
  } catch {
    return {}; // The verifier says what is wrong with it.
  }
}

function canSignAnew(claims: JWTPayload | undefined, header: JWSHeaderParameters | undefined): claims is JWTPayload {
  return claims !== undefined && SIGNATURE_ALGORITHMS.includes(header?.alg ?? '');
}

/** The claims with what every verified token has; they are for whatever audience a route expects. */
function completed(claims: JWTPayload, ownIssuer: string, issuers: Issuers): JWTPayload {
  const { iss = ownIssuer } = claims;
  const nowSeconds = Math.floor(Date.now() / 1000);
  const registered = { iat: nowSeconds, exp: nowSeconds + 60, jti: randomUUID(), sub: 'a-user', client_id: 'a-client' };
  return { iss, aud: [issuers.get(iss)?.rules.audience ?? []].flat(), ...registered, ...claims };
}

async function signAnew(claims: JWTPayload, header: JWSHeaderParameters = {}, issuers: Issuers) {
  const alg = header.alg ?? issuers.get(claims.iss ?? '')?.rules.algorithms?.[0] ?? 'ES256';
  const { privateKey, publicKey } = await generateKeyPair(alg);
  const bearer = await new SignJWT(claims)
    .setProtectedHeader({ alg, ...(header.typ && { typ: header.typ }) })
    .sign(privateKey);
  const signing = Array.from(issuers, ([iss, issuer]) => [iss, withKey(issuer, publicKey)] as const);
  return { verifier: verifierOf(new Map(signing)), bearer };
}

function withKey(issuer: TokenIssuer, key: CryptoKey): TokenIssuer {
  const { name, audience, rules } = issuer;
  return { name, audience, rules, read: (claims, header) => issuer.read(claims, header), keyFor: async () => key };
}
