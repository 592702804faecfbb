import type { AddressInfo, Server } from 'node:net';
import type { Endpoint } from './config/values.ts';

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'is in use already',
  EADDRNOTAVAIL: 'is no address of this host',
  EACCES: 'needs rights that this process lacks',
  ENOTFOUND: 'is no host that can be found',
};

/** An address of the configuration that cannot be listened on; the message begins with its key. */
export class AddressError extends Error {
  override readonly name = 'AddressError';
  /** The system's: `EADDRINUSE`. */
  readonly code: string;

  constructor(key: string, { host, port }: Endpoint, code: string) {
    const shown = host?.includes(':') ? `[${host}]` : (host ?? '');
    super(`${key}: ${shown}:${port} ${REASONS[code] ?? `cannot be listened on (${code})`}`);
    this.code = code;
  }
}

/**
 * Listens on the address that the configuration has at `key`.
 *
 * @throws AddressError
 */
export function bind(server: Server, key: string, address: Endpoint): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    const fail = ({ code }: NodeJS.ErrnoException) => reject(new AddressError(key, address, String(code)));
    server.once('error', fail);
    server.listen({ host: address.host, port: address.port }, () => {
      server.off('error', fail);
      resolve(server.address() as AddressInfo);
    });
  });
}
