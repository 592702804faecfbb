import { createHash, randomBytes } from 'node:crypto';
import { calculateJwkThumbprint, exportJWK, exportPKCS8, generateKeyPair } from 'jose';
import { stringify } from 'yaml';
import type { ClientConfig } from '../config/schema.ts';

/** How the two sides of a client's proof are made, by method. */
const PROOFS = {
  none: () => ({ configured: {} }),
  client_secret_basic: hashedSecret,
  client_secret_post: hashedSecret,
  client_secret_jwt: sharedSecret,
  private_key_jwt: keyPair,
} as const satisfies { [Method in ClientConfig['auth']]?: (id: string) => Proof | Promise<Proof> };

interface Proof {
  /** What gateway.yaml has. */
  readonly configured: object;
  /** What is told once, with what to do with it. */
  readonly secret?: string;
}

/**
 * Prints a new client on standard output, as gateway.yaml has it. Its secret goes to standard error, so that a file that
 * takes the one never gets the other.
 */
export async function newClient({ name, auth }: { name?: string; auth: keyof typeof PROOFS }): Promise<void> {
  const id = randomBytes(8).toString('hex');
  const { configured, secret }: Proof = await PROOFS[auth](id);
  const client = { id, ...(name && { name }), auth, ...configured, grants: ['password', 'refresh_token'], scopes: [] };
  const yaml = stringify([client], { lineWidth: 0 });
  process.stdout.write(yaml.replaceAll(/^/gm, '  ').trimEnd().concat('\n'));
  if (secret !== undefined) process.stderr.write(`\nFor the client. This is shown once:\n\n${secret}\n`);
}

function hashedSecret(): Proof {
  const secret = newSecret();
  const hash = createHash('sha256').update(secret).digest('hex');
  return { configured: { secret_sha256: hash }, secret: `client_secret: ${secret}` };
}

/** What an HMAC is verified with cannot be hashed, so gateway.yaml names the variable that it comes from. */
function sharedSecret(id: string): Proof {
  const variable = `CLIENT_SECRET_${id.toUpperCase()}`;
  const told = `client_secret: ${newSecret()}\n\nThe gateway needs it too, in the environment variable ${variable}.`;
  return { configured: { secret: `\${${variable}}` }, secret: told };
}

async function keyPair(): Promise<Proof> {
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
  const jwk = await exportJWK(publicKey);
  const kid = await calculateJwkThumbprint(jwk);
  const keys = [{ ...jwk, kid, alg: 'ES256', use: 'sig' }];
  return { configured: { jwks: { keys } }, secret: `${await exportPKCS8(privateKey)}\nkid: ${kid}\nalg: ES256` };
}

/** 256 bits. */
function newSecret(): string {
  return randomBytes(32).toString('base64url');
}
