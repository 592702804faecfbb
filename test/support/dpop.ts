import { createHash, randomUUID } from 'node:crypto';
import { type CryptoKey, calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';

/** A client's key pair for DPoP proofs (RFC 9449 §4.2). */
export class DpopKey {
  readonly thumbprint: string;
  readonly #publicJwk: JWK;
  readonly #privateKey: CryptoKey;

  private constructor(publicJwk: JWK, privateKey: CryptoKey, thumbprint: string) {
    this.#publicJwk = publicJwk;
    this.#privateKey = privateKey;
    this.thumbprint = thumbprint;
  }

  static async generate(): Promise<DpopKey> {
    const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
    const jwk = await exportJWK(publicKey);
    return new DpopKey(jwk, privateKey, await calculateJwkThumbprint(jwk));
  }

  /** @param more replaces claims; undefined leaves one out */
  prove(
    request: { method: string; url: string; nonce?: string | undefined; accessToken?: string | undefined },
    more: Record<string, unknown> = {},
  ): Promise<string> {
    const { method, url, nonce, accessToken } = request;
    const ath = accessToken && createHash('sha256').update(accessToken).digest('base64url');
    const claims = {
      jti: randomUUID(),
      htm: method,
      htu: url,
      iat: Math.floor(Date.now() / 1000),
      nonce,
      ath,
      ...more,
    };
    return new SignJWT(claims)
      .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk: this.#publicJwk })
      .sign(this.#privateKey);
  }
}
