import type { buildConnector } from 'undici';

/** Connects as a request to this URL would, with TLS where it says so, and closes the connection. Nothing is sent. */
export function reach(connect: buildConnector.connector, url: string): Promise<void> {
  const { protocol, hostname, host, port } = new URL(url);
  return new Promise((resolve, reject) => {
    connect({ protocol, hostname: hostname.replace(/^\[(.*)\]$/, '$1'), host, port }, (error, socket) => {
      socket?.destroy();
      if (error) reject(error);
      else resolve();
    });
  });
}
