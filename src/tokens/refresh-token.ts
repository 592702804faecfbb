import { createHash, hkdfSync, randomBytes } from 'node:crypto';
import { open, seal } from './sealing.ts';

/** What a refresh token says to its family. To clients it is opaque. */
export interface RefreshToken {
  /** Base64url of 16 random bytes, known to the client alone. */
  readonly family: string;
  /** Counts from 1; each rotation adds one. Tells a token that was good once from one that never was. */
  readonly generation: number;
  /** 32 random bytes; the store knows no more than one SHA-256 of them and the subject. */
  readonly secret: Buffer;
  /** Whom the family is for, sealed (`RefreshSubjects`), and the same in all its tokens; empty where it is not told. */
  readonly subject: Buffer;
}

const FAMILY_BYTES = 16;
const GENERATION_BYTES = 4;
const SECRET_BYTES = 32;
const SESSION_ID_BYTES = 16;
const SECRET_AT = FAMILY_BYTES + GENERATION_BYTES;
const SUBJECT_AT = SECRET_AT + SECRET_BYTES;

/** The token that a client sent, or undefined for anything that this gateway would not have written exactly so. */
export function parseRefreshToken(text: string): RefreshToken | undefined {
  const bytes = Buffer.from(text, 'base64url');
  if (bytes.length < SUBJECT_AT || bytes.toString('base64url') !== text) return undefined;
  return {
    family: bytes.toString('base64url', 0, FAMILY_BYTES),
    generation: bytes.readUInt32BE(FAMILY_BYTES),
    secret: bytes.subarray(SECRET_AT, SUBJECT_AT),
    subject: bytes.subarray(SUBJECT_AT),
  };
}

export function formatRefreshToken({ family, generation, secret, subject }: RefreshToken): string {
  const counter = Buffer.alloc(GENERATION_BYTES);
  counter.writeUInt32BE(generation);
  return Buffer.concat([Buffer.from(family, 'base64url'), counter, secret, subject]).toString('base64url');
}

export function newFamily(): string {
  return randomBytes(FAMILY_BYTES).toString('base64url');
}

export function firstRefreshToken(family: string, subject: Buffer): RefreshToken {
  return { family, generation: 1, secret: randomBytes(SECRET_BYTES), subject };
}

export function successorOf(token: RefreshToken): RefreshToken {
  return { ...token, generation: token.generation + 1, secret: randomBytes(SECRET_BYTES) };
}

/**
 * What a family is called where others may read it: in the store, in the `sid` of access tokens, by operators. It leads
 * back to no token, for who knows a family could make an old token of it, and so end it.
 */
export function sessionIdOf({ family }: RefreshToken): string {
  return createHash('sha256').update(family).digest().toString('base64url', 0, SESSION_ID_BYTES);
}

/** With the subject in it, a token is good only as it was issued. */
export function secretHash({ secret, subject }: RefreshToken): string {
  return createHash('sha256').update(secret).update(subject).digest('base64url');
}

/** The successor's secret, so that only who holds the predecessor can read it: base64url. */
export function sealSuccessor(successor: RefreshToken, predecessor: RefreshToken): string {
  return seal(successor.secret, sealingKey(predecessor), placeOf(predecessor)).toString('base64url');
}

/** @throws Error when `sealed` is not what `sealSuccessor` made for this predecessor. */
export function openSuccessor(sealed: string, predecessor: RefreshToken): RefreshToken {
  const secret = open(Buffer.from(sealed, 'base64url'), sealingKey(predecessor), placeOf(predecessor));
  return { ...predecessor, generation: predecessor.generation + 1, secret };
}

/** HKDF (RFC 5869): apart from the SHA-256 of the same secret, which the store knows. */
function sealingKey({ secret }: RefreshToken): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, '', 'postern refresh token successor', 32));
}

function placeOf({ family, generation }: RefreshToken): string {
  return `${family}:${generation}`;
}
