import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, randomUUID, sign } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { type Algorithm, AUDIENCE, ISSUER, SCOPE } from './traffic.ts';

/** A key that all gateways know, and tokens that were signed with it. Kept: 100,000 RSA signatures take a minute. */
export interface Keys {
  readonly algorithm: Algorithm;
  /** Of PEM files, as Postern's `keys_dir` wants them. */
  readonly privateFolder: string;
  readonly publicFile: string;
}

/** Below build/, which is not in the repository. */
const FOLDER = 'build/bench-keys';
const KEY_ID = 'bench';
const TOKENS_LIVE_SECONDS = 24 * 3600;
const TOKENS_KEPT_MS = 12 * 3600_000;
const OWNER_ONLY = { mode: 0o600 };

/** The key of an algorithm, made when there is none. */
export function openKeys(algorithm: Algorithm): Keys {
  const folder = resolve(FOLDER, algorithm);
  const privateFolder = join(folder, 'keys');
  const publicFile = join(folder, 'public.pem');
  if (!existsSync(publicFile)) {
    mkdirSync(privateFolder, { recursive: true, mode: 0o700 });
    const { privateKey } = generate(algorithm);
    writeFileSync(privateFile(privateFolder), privateKey.export({ type: 'pkcs8', format: 'pem' }), OWNER_ONLY);
    writeFileSync(publicFile, createPublicKey(privateKey).export({ type: 'spki', format: 'pem' }));
  }
  return { algorithm, privateFolder, publicFile };
}

const privateFile = (folder: string) => join(folder, `${KEY_ID}.pem`);

function generate(algorithm: Algorithm) {
  return algorithm === 'RS256'
    ? generateKeyPairSync('rsa', { modulusLength: 2048 })
    : generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

/** A file of so many different access tokens (RFC 9068), one a line, good for twelve hours or more. */
export async function tokensFile({ algorithm, privateFolder }: Keys, count: number): Promise<string> {
  const file = join(privateFolder, '..', `tokens-${count}.txt`);
  if (existsSync(file) && Date.now() - statSync(file).mtimeMs < TOKENS_KEPT_MS) return file;
  const key = createPrivateKey(readFileSync(privateFile(privateFolder)));
  const tokens: string[] = [];
  while (tokens.length < count) {
    const batch = Math.min(count - tokens.length, 1000);
    tokens.push(...(await Promise.all(Array.from({ length: batch }, () => mint(key, algorithm)))));
  }
  writeFileSync(file, `${tokens.join('\n')}\n`, OWNER_ONLY);
  return file;
}

const signInPool = promisify<string, Buffer, Parameters<typeof sign>[2], Buffer>(sign);

async function mint(key: KeyObject, algorithm: Algorithm, changed: Changes = {}): Promise<string> {
  const issuedAt = Math.floor(Date.now() / 1000);
  const header = { alg: algorithm, kid: KEY_ID, typ: 'at+jwt', ...changed.header };
  const claims = {
    ...{ iss: ISSUER, aud: AUDIENCE, iat: issuedAt, exp: issuedAt + TOKENS_LIVE_SECONDS },
    ...{ sub: `u-${randomUUID()}`, client_id: 'bench', jti: randomUUID() },
    scope: `bench.list ${SCOPE} bench.write`,
    ...changed.claims,
  };
  const signed = `${encode(header)}.${encode(claims)}`;
  // RFC 7518 §3.4: an ECDSA signature is its two numbers, without DER.
  const signature = await signInPool('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' });
  return `${signed}.${signature.toString('base64url')}`;
}

interface Changes {
  readonly header?: object;
  readonly claims?: object;
}

const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** What may be wrong with a token, and which one is. */
const FLAWS = {
  expired: { claims: { exp: 1_700_000_000 } },
  issuer: { claims: { iss: 'https://other.example' } },
  audience: { claims: { aud: 'https://other.example' } },
  type: { header: { typ: 'JWT' } },
  scope: { claims: { scope: `${SCOPE}s bench` } },
} as const satisfies Record<string, Changes>;

export type Flaw = keyof typeof FLAWS | 'signature';

/** A token with each flaw, and no other. */
export async function flawedTokens({ algorithm, privateFolder }: Keys): Promise<readonly (readonly [Flaw, string])[]> {
  const key = createPrivateKey(readFileSync(privateFile(privateFolder)));
  const foreign = await mint(generate(algorithm).privateKey, algorithm);
  const others = Object.entries(FLAWS).map(
    async ([flaw, changes]) => [flaw as Flaw, await mint(key, algorithm, changes)] as const,
  );
  return [['signature', foreign], ...(await Promise.all(others))];
}
