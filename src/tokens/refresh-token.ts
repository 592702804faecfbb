import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';

/** What a refresh token says to its family. To clients it is opaque. */
export interface RefreshToken {
  /** Base64url of 16 random bytes, known to the client alone. */
  readonly family: string;
  /** Counts from 1; each rotation adds one. Tells a token that was good once from one that never was. */
  readonly generation: number;
  /** 32 random bytes; the store knows their SHA-256 only. */
  readonly secret: Buffer;
}

const FAMILY_BYTES = 16;
const GENERATION_BYTES = 4;
const SECRET_BYTES = 32;
const SESSION_ID_BYTES = 16;
const TOKEN_BYTES = FAMILY_BYTES + GENERATION_BYTES + SECRET_BYTES;

/** The token that a client sent, or undefined for anything that this gateway would not have written exactly so. */
export function parseRefreshToken(text: string): RefreshToken | undefined {
  const bytes = Buffer.from(text, 'base64url');
  if (bytes.length !== TOKEN_BYTES || bytes.toString('base64url') !== text) return undefined;
  return {
    family: bytes.toString('base64url', 0, FAMILY_BYTES),
    generation: bytes.readUInt32BE(FAMILY_BYTES),
    secret: bytes.subarray(FAMILY_BYTES + GENERATION_BYTES),
  };
}

export function formatRefreshToken({ family, generation, secret }: RefreshToken): string {
  const counter = Buffer.alloc(GENERATION_BYTES);
  counter.writeUInt32BE(generation);
  return Buffer.concat([Buffer.from(family, 'base64url'), counter, secret]).toString('base64url');
}

export function firstRefreshToken(): RefreshToken {
  return { family: randomBytes(FAMILY_BYTES).toString('base64url'), generation: 1, secret: randomBytes(SECRET_BYTES) };
}

export function successorOf({ family, generation }: RefreshToken): RefreshToken {
  return { family, generation: generation + 1, secret: randomBytes(SECRET_BYTES) };
}

/**
 * What a family is called where others may read it: in the store, in the `sid` of access tokens, by operators. It leads
 * back to no token, for who knows a family could make an old token of it, and so end it.
 */
export function sessionIdOf({ family }: RefreshToken): string {
  return createHash('sha256').update(family).digest().toString('base64url', 0, SESSION_ID_BYTES);
}

export function secretHash({ secret }: RefreshToken): string {
  return createHash('sha256').update(secret).digest('base64url');
}

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** The successor's secret, so that only who holds the predecessor can read it: AES-256-GCM, base64url of nonce, tag and text. */
export function seal(successor: RefreshToken, predecessor: RefreshToken): string {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', sealingKey(predecessor), nonce).setAAD(boundTo(predecessor));
  const text = Buffer.concat([cipher.update(successor.secret), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), text]).toString('base64url');
}

/** @throws Error when `sealed` is not what `seal` made for this predecessor. */
export function unseal(sealed: string, predecessor: RefreshToken): RefreshToken {
  const bytes = Buffer.from(sealed, 'base64url');
  const nonce = bytes.subarray(0, NONCE_BYTES);
  const tag = bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES);
  const decipher = createDecipheriv('aes-256-gcm', sealingKey(predecessor), nonce, { authTagLength: TAG_BYTES })
    .setAAD(boundTo(predecessor))
    .setAuthTag(tag);
  const secret = Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()]);
  return { family: predecessor.family, generation: predecessor.generation + 1, secret };
}

/** HKDF (RFC 5869): apart from the SHA-256 of the same secret, which the store knows. */
function sealingKey({ secret }: RefreshToken): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, '', 'postern refresh token successor', 32));
}

function boundTo({ family, generation }: RefreshToken): Buffer {
  return Buffer.from(`${family}:${generation}`);
}
