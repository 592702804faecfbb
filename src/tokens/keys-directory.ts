import { createPrivateKey } from 'node:crypto';
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import type { JWK } from 'jose';
import { type Algorithm, createKeySet, generatePrivateJwk, importSigningKey, type KeySet } from './key-set.ts';

/**
 * Reads `keys_dir`: `KID.pem` (PKCS 8) and `KID.jwk` files. All verify, the last by name signs. An empty or missing
 * folder gets its first key, readable by its owner alone.
 *
 * @throws Error that names the file that is no usable key.
 */
export async function readKeysDirectory(directory: string, algorithm: Algorithm): Promise<KeySet> {
  const names = await keyFiles(directory);
  if (names.length === 0) names.push(await makeFirstKey(directory, algorithm));
  const keys = await Promise.all(names.map((name) => readKey(join(directory, name), algorithm)));
  const signing = keys.at(-1);
  if (signing?.algorithm !== algorithm) {
    throw new Error(
      `${join(directory, names.at(-1) ?? '')}: the last key by name signs, and it is not one for ${algorithm}`,
    );
  }
  return createKeySet(keys, signing);
}

async function keyFiles(directory: string): Promise<string[]> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  return (await readdir(directory)).filter((name) => /^[A-Za-z0-9._~-]+\.(pem|jwk)$/.test(name)).sort();
}

/** Written under another name first, so that nobody ever reads half a key. */
async function makeFirstKey(directory: string, algorithm: Algorithm): Promise<string> {
  const jwk = await generatePrivateJwk(algorithm);
  const pem = createPrivateKey({ key: { ...jwk }, format: 'jwk' }).export({ type: 'pkcs8', format: 'pem' });
  const name = `${jwk.kid}.pem`;
  const unfinished = join(directory, `${name}.${process.pid}.tmp`);
  await writeFile(unfinished, pem, { mode: 0o600, flag: 'wx' });
  await rename(unfinished, join(directory, name));
  return name;
}

async function readKey(file: string, algorithm: Algorithm) {
  const kid = basename(file, extname(file));
  try {
    const content = await readFile(file, 'utf8');
    const jwk: JWK = file.endsWith('.jwk') ? JSON.parse(content) : createPrivateKey(content).export({ format: 'jwk' });
    return await importSigningKey(jwk, kid, algorithmOf(jwk, algorithm));
  } catch (cause) {
    throw new Error(`${file}: not a private key for ${algorithm}`, { cause });
  }
}

/** A key of another type than the configured algorithm's is an older one, kept to verify what it signed. */
function algorithmOf(jwk: JWK, configured: Algorithm): Algorithm {
  if (jwk.kty === 'EC' && jwk.crv === 'P-256') return 'ES256';
  if (jwk.kty === 'OKP' && jwk.crv === 'Ed25519') return 'EdDSA';
  if (jwk.kty !== 'RSA') throw new Error('unsupported type of key');
  return (jwk.alg ?? configured) === 'PS256' ? 'PS256' : 'RS256';
}
