import { createPrivateKey } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { access, constants, mkdir, readdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import type { JWK } from 'jose';
import {
  type Algorithm,
  createKeySet,
  generatePrivateJwk,
  importSigningKey,
  type KeySet,
  type PrivateJwk,
  parseKeyJson,
  type SigningKey,
} from './key-set.ts';
import type { KeySource } from './key-source.ts';
import {
  type KeyTimes,
  type RotateRequest,
  type RotationPolicy,
  requestedKeySignsFrom,
  type Scheduled,
  schedule,
} from './rotation.ts';

interface FileKey extends KeyTimes {
  readonly file: string;
  readonly content: string;
  readonly key: SigningKey;
}

const MAX_FILE_BYTES = 64 * 1024;

/**
 * `keys_dir`: `KID.pem` (PKCS 8) and `KID.jwk` files. All verify, the last by name signs; one whose name begins with a
 * time signs from then on and is published before. An empty or missing folder gets its first key, readable by its owner
 * alone. Beyond that the files are the operator's: none is made or removed but by `rotate`.
 */
export class KeysDirectory implements KeySource {
  readonly #directory: string;
  readonly #policy: Pick<RotationPolicy, 'algorithm' | 'overlap'>;
  #keys: readonly FileKey[] = [];

  constructor(directory: string, policy: Pick<RotationPolicy, 'algorithm' | 'overlap'>) {
    this.#directory = directory;
    this.#policy = policy;
  }

  /** @throws Error that names the file that is no usable key. */
  async refresh(): Promise<void> {
    if (this.#keys.length === 0 && (await this.isEmpty())) await this.#write(await this.#generate(Date.now()));
    const keys = await this.#read();
    const last = keys.at(-1);
    if (last === undefined) throw new Error(`${this.#directory}: there is no key in it any more`);
    refuseToSignWith(last, this.#policy.algorithm);
    this.#keys = keys;
  }

  /** The folder is made, and tried, before a key is that takes long to make. */
  async isEmpty(): Promise<boolean> {
    if ((await this.#files()).length > 0) return false;
    await this.#makeFolder();
    await access(this.#directory, constants.W_OK);
    return true;
  }

  current(): KeySet {
    const scheduled = schedule(this.#keys, Date.now());
    const signing = scheduled.find(({ state }) => state === 'signing')?.key.key;
    return createKeySet(
      scheduled.map(({ key }) => key.key),
      signing,
    );
  }

  async list(): Promise<readonly Scheduled<KeyTimes>[]> {
    return schedule(await this.#read(), Date.now());
  }

  async rotate(request: RotateRequest): Promise<KeyTimes> {
    const nowMs = Date.now();
    const others = await this.#read();
    const signsFromMs = requestedKeySignsFrom(others, request, this.#policy.overlap, nowMs);
    const jwk = await this.#generate(signsFromMs);
    if (!request.withdrawOthers) refuseToComeBefore(schedule(others, nowMs), jwk.kid);
    const made = await this.#write(jwk);
    if (request.withdrawOthers) await Promise.all(others.map(({ file }) => rename(file, `${file}.withdrawn`)));
    return this.#readKey(made);
  }

  /** A file that goes between the look into the folder and the look into the file is none of its keys any more. */
  async #read(): Promise<readonly FileKey[]> {
    const keys = await Promise.all((await this.#files()).map((file) => this.#readKey(file).catch(undefinedIfGone)));
    return keys.filter((key) => key !== undefined);
  }

  async #files(): Promise<readonly string[]> {
    const names = await readdir(this.#directory).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    });
    return keyFiles(this.#directory, names);
  }

  /** A file with the same content is the same key: what its tokens are remembered by stays. */
  async #readKey(file: string): Promise<FileKey> {
    const { mtimeMs, size } = await stat(file);
    if (size > MAX_FILE_BYTES) throw new Error(`${file}: larger than ${MAX_FILE_BYTES / 1024} kb`);
    const content = await readFile(file, 'utf8');
    const known = this.#keys.find((key) => key.file === file && key.content === content);
    if (known) return known;
    const kid = basename(file, extname(file));
    const key = await parseKey(file, content, kid, this.#policy.algorithm);
    // Withdrawn when the operator removes its file, and not before.
    const tokensLiveMs = Number.POSITIVE_INFINITY;
    const { algorithm } = key;
    return { file, content, key, kid, algorithm, createdAtMs: mtimeMs, signsFromMs: timeIn(kid), tokensLiveMs };
  }

  #generate(signsFromMs: number): Promise<PrivateJwk> {
    return generatePrivateJwk(this.#policy.algorithm, signsFromMs);
  }

  async #makeFolder(): Promise<void> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
  }

  /** Written under another name first, so that nobody ever reads half a key. */
  async #write(jwk: PrivateJwk): Promise<string> {
    await this.#makeFolder();
    const pem = createPrivateKey({ key: { ...jwk }, format: 'jwk' }).export({ type: 'pkcs8', format: 'pem' });
    const file = join(this.#directory, `${jwk.kid}.pem`);
    const unfinished = `${file}.${process.pid}.tmp`;
    await writeFile(unfinished, pem, { mode: 0o600, flag: 'wx' });
    await rename(unfinished, file);
    return file;
  }
}

function undefinedIfGone(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}

function keyFiles(directory: string, names: readonly string[]): readonly string[] {
  const keys = names.filter((name) => /^[A-Za-z0-9._~-]+\.(pem|jwk)$/.test(name)).sort();
  return keys.map((name) => join(directory, name));
}

/**
 * The files in `keys_dir` that are keys, looked at without using or making any; none where there is no folder yet.
 *
 * @throws Error that names what `refresh` could not use.
 */
export function lookAtKeys(directory: string, algorithm: Algorithm): readonly string[] {
  if (!existsSync(directory)) return [];
  const files = keyFiles(directory, readdirSync(directory));
  for (const [index, file] of files.entries()) {
    const found = algorithmIn(file, readFileSync(file, 'utf8'), algorithm);
    if (index === files.length - 1) refuseToSignWith({ file, algorithm: found }, algorithm);
  }
  return files;
}

function algorithmIn(file: string, content: string, configured: Algorithm): Algorithm {
  try {
    const jwk = parseJwk(file, content);
    createPrivateKey({ key: { ...jwk }, format: 'jwk' });
    return algorithmOf(jwk, configured);
  } catch (cause) {
    throw unusable(file, configured, cause);
  }
}

/** When the key signs from whose name begins as ours do, `20261123T125603Z-`; any other may sign as soon as it is there. */
function timeIn(kid: string): number {
  const [, year, month, day, hour, minute, second] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z-/.exec(kid) ?? [];
  const time = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return Number.isNaN(time) ? 0 : time;
}

/** @throws Error when the new key would never sign, for the last by name does. */
function refuseToComeBefore(keys: readonly Scheduled<FileKey>[], kid: string): void {
  const signing = keys.find(({ state }) => state === 'signing')?.key;
  if (signing === undefined || signing.kid < kid) return;
  throw new Error(`${signing.file} comes after ${kid} by name and would go on signing: give it an earlier name first`);
}

async function parseKey(file: string, content: string, kid: string, algorithm: Algorithm): Promise<SigningKey> {
  try {
    const jwk = parseJwk(file, content);
    return await importSigningKey(jwk, kid, algorithmOf(jwk, algorithm));
  } catch (cause) {
    throw unusable(file, algorithm, cause);
  }
}

function parseJwk(file: string, content: string): JWK {
  return file.endsWith('.jwk') ? parseKeyJson(content) : createPrivateKey(content).export({ format: 'jwk' });
}

function unusable(file: string, algorithm: Algorithm, cause: unknown): Error {
  return new Error(`${file}: not a private key for ${algorithm}`, { cause });
}

/** @throws Error when the last key by name is another algorithm's than the configured one. */
function refuseToSignWith(last: Pick<FileKey, 'file' | 'algorithm'>, configured: Algorithm): void {
  if (last.algorithm === configured) return;
  throw new Error(`${last.file}: the last key by name signs, and it is not one for ${configured}`);
}

/** A key of another type than the configured algorithm's is an older one, kept to verify what it signed. */
function algorithmOf(jwk: JWK, configured: Algorithm): Algorithm {
  if (jwk.kty === 'EC' && jwk.crv === 'P-256') return 'ES256';
  if (jwk.kty === 'OKP' && jwk.crv === 'Ed25519') return 'EdDSA';
  if (jwk.kty !== 'RSA') throw new Error('unsupported type of key');
  return (jwk.alg ?? configured) === 'PS256' ? 'PS256' : 'RS256';
}
