import { pbkdf2Hash } from './pbkdf2.ts';
import { recomputedScheme } from './scheme.ts';

const V2 = { salt: 1, expected: 17, end: 49 } as const;
const V3 = { digest: 1, iterations: 5, saltBytes: 9, salt: 13 } as const;
const V3_DIGESTS = ['sha1', 'sha256', 'sha512'] as const;
/** Of the salt and of the key: what Identity itself asks for at the least. */
const MIN_BYTES = 16;

/** ASP.NET Identity's PBKDF2, a blob in Base64: version 2 begins with a byte 0, version 3 with a byte 1 and its parameters. */
export const aspnetIdentity = recomputedScheme('aspnet-identity', /^(A[A-P][A-Za-z0-9+/]{64}==$|AQAAAA)/, (stored) => {
  const blob = Buffer.from(stored, 'base64');
  if (blob.toString('base64') !== stored) return undefined;
  return blob[0] === 0 ? parseV2(blob) : parseV3(blob);
});

function parseV2(blob: Buffer) {
  if (blob.length !== V2.end) return undefined;
  const [salt, expected] = [blob.subarray(V2.salt, V2.expected), blob.subarray(V2.expected)];
  return pbkdf2Hash({ digest: 'sha1', iterations: 1000, salt, expected });
}

function parseV3(blob: Buffer) {
  if (blob.length < V3.salt) return undefined;
  const digest = V3_DIGESTS[blob.readUInt32BE(V3.digest)];
  const saltEnd = V3.salt + blob.readUInt32BE(V3.saltBytes);
  const [salt, expected] = [blob.subarray(V3.salt, saltEnd), blob.subarray(saltEnd)];
  if (!digest || salt.length < MIN_BYTES || expected.length < MIN_BYTES) return undefined;
  return pbkdf2Hash({ digest, iterations: blob.readUInt32BE(V3.iterations), salt, expected });
}
