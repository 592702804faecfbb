import { pbkdf2Sync } from 'node:crypto';
import { type KeyForm, matchForm } from './key-form.ts';
import { type ParsedHash, recomputedScheme } from './scheme.ts';

const DIGEST_BYTES = { sha1: 20, sha256: 32, sha512: 64 } as const;
type Digest = keyof typeof DIGEST_BYTES;
/** About five seconds with SHA-512. Django 5.2 does a million. */
const MAX_ITERATIONS = 10_000_000;

const FORMS: readonly KeyForm[] = [
  // Django: pbkdf2_sha256$1000000$salt$key
  {
    pattern: /^pbkdf2_(?<digest>sha1|sha256)\$(?<iterations>\d+)\$(?<salt>[!-~]+)\$(?<expected>[^$]+)$/,
    salt: 'ascii',
    expected: 'base64',
  },
  // Werkzeug: pbkdf2:sha256:1000000$salt$key
  {
    pattern: /^pbkdf2:(?<digest>sha1|sha256|sha512):(?<iterations>\d+)\$(?<salt>[!-~]+)\$(?<expected>[0-9a-f]+)$/,
    salt: 'ascii',
    expected: 'hex',
  },
  // passlib: $pbkdf2-sha256$29000$salt$key; without a digest, SHA-1
  {
    pattern: /^\$pbkdf2(?:-(?<digest>sha256|sha512))?\$(?<iterations>\d+)\$(?<salt>[^$]*)\$(?<expected>[^$]+)$/,
    salt: 'ab64',
    expected: 'ab64',
  },
  // OpenLDAP's pw-pbkdf2: {PBKDF2-SHA256}10000$salt$key; without a digest, SHA-1
  {
    pattern: /^\{PBKDF2(?:-(?<digest>SHA1|SHA256|SHA512))?\}(?<iterations>\d+)\$(?<salt>[^$]*)\$(?<expected>[^$]+)$/i,
    salt: 'ab64',
    expected: 'ab64',
  },
];

/** PBKDF2 (RFC 8018 §5.2), as Django, Werkzeug, passlib and OpenLDAP write it. */
export const pbkdf2 = recomputedScheme('pbkdf2', /^(pbkdf2[_:]|\$pbkdf2[-$]|\{pbkdf2[-}])/i, (stored) => {
  const match = matchForm(FORMS, stored);
  if (!match) return undefined;
  const { groups, salt, expected } = match;
  const digest = (groups.digest ?? 'sha1').toLowerCase() as Digest;
  const whole = expected.length === DIGEST_BYTES[digest];
  return whole ? pbkdf2Hash({ digest, iterations: Number(groups.iterations), salt, expected }) : undefined;
});

/** What any PBKDF2 is taken apart to. Undefined without iterations. */
export function pbkdf2Hash(key: {
  readonly digest: Digest;
  readonly iterations: number;
  readonly salt: Buffer;
  readonly expected: Buffer;
}): ParsedHash | undefined {
  const { digest, iterations, salt, expected } = key;
  if (iterations < 1) return undefined;
  const cost = iterations * Math.ceil(expected.length / DIGEST_BYTES[digest]); // RFC 8018 §5.2: block by block.
  return {
    expected,
    excess: cost > MAX_ITERATIONS ? `${cost} iterations` : undefined,
    compute: (password) => pbkdf2Sync(password, salt, iterations, expected.length, digest),
  };
}
