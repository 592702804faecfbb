import type { IncomingMessage } from 'node:http';
import { believedChain, isTrusted, type TrustedProxies } from './client-address.ts';

/** Where a request comes from, as far as those who passed it on can be believed. */
export interface Sender {
  /** The client's own address. */
  readonly address: string;
  /** The X-Forwarded-For to pass on: the client, the trusted proxies it came through, the peer. */
  readonly forwardedFor: string;
  readonly scheme: 'http' | 'https';
  /** Whether the peer is one of `listen.trusted_proxies`, and the client somebody behind it. */
  readonly isTrustedProxy: boolean;
}

/** Believes X-Forwarded-For and X-Forwarded-Proto of peers that `listen.trusted_proxies` names, and of nobody else. */
export function senderOf({ socket, headers }: IncomingMessage, trusted: TrustedProxies): Sender {
  const chain = believedChain(socket.remoteAddress ?? '', joined(headers['x-forwarded-for']), trusted);
  const isTrustedProxy = isTrusted(chain.at(-1) ?? '', trusted);
  const proto = isTrustedProxy ? headers['x-forwarded-proto'] : undefined;
  const encrypted = 'encrypted' in socket && socket.encrypted === true;
  return {
    address: chain[0] ?? '',
    forwardedFor: chain.join(', '),
    scheme: encrypted || proto === 'https' ? 'https' : 'http',
    isTrustedProxy,
  };
}

function joined(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header.join(', ') : header;
}
