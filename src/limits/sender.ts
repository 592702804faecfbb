import type { IncomingMessage } from 'node:http';
import { clientAddress, isTrusted, type TrustedProxies } from './client-address.ts';

/** Where a request comes from, as far as those who passed it on can be believed. */
export interface Sender {
  /** The client's own address. */
  readonly address: string;
  /** The X-Forwarded-For to pass on: what a trusted proxy said, and that proxy. */
  readonly forwardedFor: string;
  readonly scheme: 'http' | 'https';
}

/** Believes X-Forwarded-For and X-Forwarded-Proto of peers that `listen.trusted_proxies` names, and of nobody else. */
export function senderOf({ socket, headers }: IncomingMessage, trusted: TrustedProxies): Sender {
  const peer = (socket.remoteAddress ?? '').replace(/^::ffff:(?=\d+\.)/, '');
  const chain = isTrusted(peer, trusted) ? joined(headers['x-forwarded-for']) : undefined;
  const proto = isTrusted(peer, trusted) ? headers['x-forwarded-proto'] : undefined;
  const encrypted = 'encrypted' in socket && socket.encrypted === true;
  return {
    address: clientAddress(peer, chain, trusted),
    forwardedFor: chain ? `${chain}, ${peer}` : peer,
    scheme: encrypted || proto === 'https' ? 'https' : 'http',
  };
}

function joined(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header.join(', ') : header;
}
