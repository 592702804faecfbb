import { resolve } from 'node:path';
import type { SecureContextOptions } from 'node:tls';
import { versionOf } from '../config/file-version.ts';
import type { ListenConfig } from '../config/schema.ts';
import type { Log } from '../observe/log.ts';
import { Authorities } from './authorities.ts';
import { readAuthorities, readServerFiles, type ServerFiles } from './read-certificates.ts';

const CHECK_EVERY_MS = 500;

/**
 * The files of certificates that `listen` names, read again when they change. They are looked at twice a second and not
 * watched, for that sees renames and swapped symbolic links too, and a new version is read once it has stood still for one
 * look: certificate and key are seldom written at once. A version that cannot be used is logged, and the last good one
 * stays in use.
 */
export class CertificateFiles {
  readonly #server: ServerFiles | undefined;
  readonly #authoritiesFile: string | undefined;
  readonly #log: Log;
  #secureContext: SecureContextOptions | undefined;
  #authorities: Authorities | undefined;
  /** The versions that were last read, good or not, and those that the last look found. */
  #read = '';
  #seen = '';
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  private constructor(config: ListenConfig, directory: string, log: Log) {
    const { tls, client_certificate_header, client_certificate_ca_file = tls?.client_ca_file } = config;
    const path = (file: string) => resolve(directory, file);
    this.#server = tls && {
      certificate_file: path(tls.certificate_file),
      private_key_file: path(tls.private_key_file),
      client_ca_file: tls.client_ca_file && path(tls.client_ca_file),
    };
    const forHeader = client_certificate_header === undefined ? undefined : client_certificate_ca_file;
    this.#authoritiesFile = forHeader && path(forHeader);
    this.#log = log;
  }

  /** @throws Error that names the file that cannot be used. */
  static async open(config: ListenConfig, directory: string, log: Log): Promise<CertificateFiles> {
    const files = new CertificateFiles(config, directory, log);
    files.#read = await files.#versions();
    files.#load();
    return files;
  }

  /** For the listener; undefined without `listen.tls`. */
  get secureContext(): SecureContextOptions | undefined {
    return this.#secureContext;
  }

  /** For certificates in a header. */
  get authorities(): Authorities | undefined {
    return this.#authorities;
  }

  /** Calls `onChange` with each new version for the listener, until `close`. */
  watch(onChange: (context: SecureContextOptions) => void): void {
    if (this.#paths().length === 0) return;
    const look = () => {
      if (this.#closed) return;
      this.#timer = setTimeout(() => void this.#look(onChange).finally(look), CHECK_EVERY_MS).unref();
    };
    look();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  async #look(onChange: (context: SecureContextOptions) => void): Promise<void> {
    const before = this.#seen;
    this.#seen = await this.#versions();
    if (this.#seen === this.#read || this.#seen !== before) return;
    this.#read = this.#seen;
    try {
      this.#load();
      if (this.#secureContext) onChange(this.#secureContext);
      this.#log.info({ files: this.#paths() }, 'certificates read again');
    } catch (error) {
      this.#log.error({ cause: String(error) }, 'certificates not read again');
    }
  }

  #load(): void {
    const secureContext = this.#server && readServerFiles(this.#server);
    this.#authorities = this.#authoritiesFile ? new Authorities(readAuthorities(this.#authoritiesFile)) : undefined;
    this.#secureContext = secureContext;
  }

  async #versions(): Promise<string> {
    return (await Promise.all(this.#paths().map(versionOf))).join('\n');
  }

  #paths(): string[] {
    const { certificate_file, private_key_file, client_ca_file } = this.#server ?? {};
    const paths = [certificate_file, private_key_file, client_ca_file, this.#authoritiesFile];
    return [...new Set(paths.filter((path) => path !== undefined))];
  }
}
