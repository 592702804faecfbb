import { scryptSync } from 'node:crypto';
import { type KeyForm, matchForm } from './key-form.ts';
import { type ParsedHash, recomputedScheme } from './scheme.ts';

/** 128 * N * r is the memory of a check, and p times that its work: at this bound it is about five seconds. */
const MAX_WORK_BYTES = 1024 ** 3;
const PASSLIB_KEY_BYTES = 32;
const KEY_BYTES = 64;

const FORMS: readonly KeyForm[] = [
  // passlib: $scrypt$ln=16,r=8,p=1$salt$key, where ln is the logarithm of N
  {
    pattern: /^\$scrypt\$ln=(?<ln>\d{1,2}),r=(?<r>\d{1,9}),p=(?<p>\d{1,9})\$(?<salt>[^$.]*)\$(?<expected>[^$.]+)$/,
    salt: 'bare64',
    expected: 'bare64',
  },
  // Werkzeug: scrypt:32768:8:1$salt$key
  {
    pattern: /^scrypt:(?<n>\d{1,15}):(?<r>\d{1,9}):(?<p>\d{1,9})\$(?<salt>[!-~]+)\$(?<expected>[0-9a-f]+)$/,
    salt: 'ascii',
    expected: 'hex',
  },
  // Django: scrypt$16384$salt$8$5$key
  {
    pattern: /^scrypt\$(?<n>\d{1,15})\$(?<salt>[!-~]+)\$(?<r>\d{1,9})\$(?<p>\d{1,9})\$(?<expected>[^$]+)$/,
    salt: 'ascii',
    expected: 'base64',
  },
];

/** scrypt (RFC 7914), as passlib, Werkzeug and Django write it. */
export const scrypt = recomputedScheme('scrypt', /^(\$scrypt\$|scrypt[:$])/, (stored) => {
  const match = matchForm(FORMS, stored);
  if (!match) return undefined;
  const { groups, salt, expected } = match;
  if (expected.length !== (groups.ln ? PASSLIB_KEY_BYTES : KEY_BYTES)) return undefined;
  const N = groups.ln ? 2 ** Number(groups.ln) : Number(groups.n);
  const derivation = scryptDerivation({ N, r: Number(groups.r), p: Number(groups.p), salt, keyBytes: expected.length });
  return derivation && { expected, ...derivation };
});

/** How any scrypt computes its key; undefined for parameters that do not make one. */
export function scryptDerivation(parameters: {
  readonly N: number;
  readonly r: number;
  readonly p: number;
  readonly salt: Buffer;
  readonly keyBytes: number;
}): Omit<ParsedHash, 'expected'> | undefined {
  const { N, r, p, salt, keyBytes } = parameters;
  if (!isSound(N, r, p)) return undefined;
  return {
    excess: 128 * N * r * p > MAX_WORK_BYTES ? `N=${N}, r=${r}, p=${p}` : undefined,
    compute: (password) => scryptSync(password, salt, keyBytes, { N, r, p, maxmem: 2 * MAX_WORK_BYTES }),
  };
}

/** RFC 7914 §2: N is a power of two, greater than one and less than 2^(128 * r / 8). */
function isSound(N: number, r: number, p: number): boolean {
  return N > 1 && Number.isInteger(Math.log2(N)) && r > 0 && Math.log2(N) < 16 * r && p > 0;
}
