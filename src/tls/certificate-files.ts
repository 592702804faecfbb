import { resolve } from 'node:path';
import type { SecureContextOptions } from 'node:tls';
import type { ListenConfig } from '../config/schema.ts';
import { Authorities } from './authorities.ts';
import { readAuthorities, readServerFiles, type ServerFiles } from './read-certificates.ts';

/** What the files of certificates hold that `listen` names. */
export interface Certificates {
  /** For the listener; undefined without `listen.tls`. */
  readonly secureContext: SecureContextOptions | undefined;
  /** For certificates in a header. */
  readonly authorities: Authorities | undefined;
}

/** @throws Error that names the file that cannot be used. */
export function readCertificates(config: ListenConfig, directory: string): Certificates {
  const { server, authorities } = filesOf(config, directory);
  return {
    secureContext: server && readServerFiles(server),
    authorities: authorities === undefined ? undefined : new Authorities(readAuthorities(authorities)),
  };
}

/** Which files `listen` names: for the listener, and for certificates in a header. */
function filesOf(config: ListenConfig, directory: string) {
  const { tls, client_certificate_header, client_certificate_ca_file = tls?.client_ca_file } = config;
  const path = (file: string) => resolve(directory, file);
  const server: ServerFiles | undefined = tls && {
    certificate_file: path(tls.certificate_file),
    private_key_file: path(tls.private_key_file),
    client_ca_file: tls.client_ca_file && path(tls.client_ca_file),
  };
  const forHeader = client_certificate_header === undefined ? undefined : client_certificate_ca_file;
  return { server, authorities: forHeader && path(forHeader) };
}
