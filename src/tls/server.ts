import type { ServerOptions } from 'node:http';
import { createServer, type Server } from 'node:https';
import { Socket } from 'node:net';
import type { SecureContextOptions } from 'node:tls';
import type { Config } from '../config/schema.ts';

/** What HTTPS needs beside what HTTP does. */
export interface TlsOptions {
  readonly context: SecureContextOptions;
  /** Whether clients are asked for a certificate in the handshake. */
  readonly requestCert: boolean;
}

/** Undefined without `listen.tls`. Clients are asked for certificates only where one could be of use: browsers ask people. */
export function tlsOptions(
  { listen, clients }: Pick<Config, 'listen' | 'clients'>,
  context: SecureContextOptions | undefined,
): TlsOptions | undefined {
  const ofUse = clients.some(
    ({ auth, bind_tokens }) => auth === 'self_signed_tls_client_auth' || bind_tokens === 'certificate',
  );
  return context && { context, requestCert: listen.tls?.client_ca_file !== undefined || ofUse };
}

/**
 * An HTTPS server with the limits of an HTTP one. A certificate is evidence for those who ask for it, and no handshake
 * fails for a bad one; that of a handshake which takes longer than the headers may does.
 */
export function createTlsServer(limits: ServerOptions, { context, requestCert }: TlsOptions): Server {
  const handshakeTimeout = limits.headersTimeout;
  const server = createServer({ ...limits, ...context, handshakeTimeout, requestCert, rejectUnauthorized: false });
  // Nobody waits for a handshake: it would keep a process that has drained from its end.
  server.on('connection', (socket) => socket instanceof Socket && socket.unref());
  server.on('secureConnection', (socket) => socket.ref());
  // There is nobody yet who could be answered over HTTP: Node's own listener would take it for a broken request.
  server.removeAllListeners('tlsClientError').on('tlsClientError', (_, socket) => socket.destroy());
  return server;
}
