import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { readText, Unreadable } from '../config/read-text.ts';
import { isInForce } from './client-certificate.ts';

const MAX_FILE_BYTES = 1024 ** 2;
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** Absolute paths. */
export interface ServerFiles {
  readonly certificate_file: string;
  readonly private_key_file: string;
  readonly client_ca_file?: string | undefined;
}

/**
 * What a TLS listener needs of its files.
 *
 * @throws Error that begins with the file that cannot be read, or does not belong to the others.
 */
export function readServerFiles(files: ServerFiles): SecureContextOptions {
  const { certificate_file, private_key_file, client_ca_file } = files;
  const cert = read(certificate_file);
  const [own] = certificatesIn(cert, certificate_file);
  const key = read(private_key_file);
  if (!own?.checkPrivateKey(privateKeyIn(key, private_key_file))) {
    throw new Error(`${private_key_file}: it is not the key of the certificate in ${certificate_file}`);
  }
  if (!isInForce(own))
    throw new Error(`${certificate_file}: the certificate is not valid now, but until ${own.validTo}`);
  const options: SecureContextOptions = { cert, key, minVersion: 'TLSv1.2' };
  if (client_ca_file !== undefined) options.ca = readAuthorities(client_ca_file).map(String);
  createSecureContext(options); // What OpenSSL would refuse later, it refuses now.
  return options;
}

/** @throws Error that begins with the file. */
export function readAuthorities(file: string): readonly X509Certificate[] {
  return certificatesIn(read(file), file);
}

function read(file: string): string {
  try {
    return readText(file, MAX_FILE_BYTES);
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    throw new Error(`${file}: cannot read it: ${error.message}`);
  }
}

function certificatesIn(pem: string, file: string): readonly X509Certificate[] {
  const blocks = pem.match(CERTIFICATE);
  if (blocks === null) throw new Error(`${file}: there is no certificate in it (PEM)`);
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch (cause) {
    throw new Error(`${file}: a certificate in it is broken`, { cause });
  }
}

function privateKeyIn(pem: string, file: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    throw new Error(`${file}: there is no private key in it (PEM, without a passphrase)`, { cause });
  }
}
