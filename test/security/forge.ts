import { constants, createHmac, type KeyObject, sign as signBytes } from 'node:crypto';

/** Makes the signature of `header.payload`. */
export type Signer = (signed: string) => string | Buffer;

/** A token made by hand, for libraries refuse to write most of these. Texts stay as they are. */
export function forge(header: object | string, payload: object | string, sign: Signer): string {
  const [head, body] = [header, payload].map((part) => encode(typeof part === 'string' ? part : JSON.stringify(part)));
  return `${head}.${body}.${encode(sign(`${head}.${body}`))}`;
}

export function encode(value: string | Buffer): string {
  return Buffer.from(value).toString('base64url');
}

export const unsigned: Signer = () => '';

export const hmac =
  (algorithm: string, secret: string | Buffer): Signer =>
  (signed) =>
    createHmac(algorithm, secret).update(signed).digest();

export const rsa =
  (key: KeyObject, hash = 'sha256'): Signer =>
  (signed) =>
    signBytes(hash, Buffer.from(signed), key);

export const pss =
  (key: KeyObject): Signer =>
  (signed) =>
    signBytes('sha256', Buffer.from(signed), { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 });

export const ecdsa =
  (key: KeyObject, dsaEncoding: 'ieee-p1363' | 'der' = 'ieee-p1363'): Signer =>
  (signed) =>
    signBytes('sha256', Buffer.from(signed), { key, dsaEncoding });

/** The other signature that ECDSA has for the same bytes and the same key: (r, n - s). */
export function otherSignature(token: string): string {
  const [head, body, signature = ''] = token.split('.');
  const bytes = Buffer.from(signature, 'base64url');
  const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
  const s = order - BigInt(`0x${bytes.toString('hex', 32)}`);
  return `${head}.${body}.${encode(Buffer.concat([bytes.subarray(0, 32), Buffer.from(s.toString(16).padStart(64, '0'), 'hex')]))}`;
}

/** Of an attacker's own, with a certificate. */
export const CERTIFICATE =
  'MIIBbzCCARWgAwIBAgIUXcSo6JDE/gheqUZql8g6KMpTdE4wCgYIKoZIzj0EAwIwDDEKMAgGA1UEAwwBeDAgFw0yNjExMjMxMzQ4NTVaGA8yMT' +
  'I2MTAzMDEzNDg1NVowDDEKMAgGA1UEAwwBeDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABJ3HgIqy4VGo3osXxBUzki9lsAoCo3ewaXKSjIiR' +
  '7CZDP3bPVfjJ38KUJXFuAtYXIhz22pNOthxH3DsfkKqQT3SjUzBRMB0GA1UdDgQWBBSHasRdLIvKlJexjNSK0U8vVGtV+zAfBgNVHSMEGDAWgB' +
  'SHasRdLIvKlJexjNSK0U8vVGtV+zAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0gAMEUCIQCP+eiVL+WPcSexNTB3oPphkol4YVYi3LxW' +
  'C959DQylCAIgU0Fdok+my01sqDNIVgnT5vUHZ4SXyZmOSAABxfqI+XI=';
export const CERTIFIED_KEY =
  'MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgDoXfTR+rSOQBt0CJjTxgSfptd2uIa1X0LEHWhca5c9ehRANCAASdx4CKsuFRqN' +
  '6LF8QVM5IvZbAKAqN3sGlykoyIkewmQz92z1X4yd/ClCVxbgLWFyIc9tqTTrYcR9w7H5CqkE90';
