import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
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
export class Senders {
  readonly #trusted: TrustedProxies;
  readonly #peers = new WeakMap<Socket, Sender>();

  constructor(trusted: TrustedProxies) {
    this.#trusted = trusted;
  }

  of({ socket, headers }: IncomingMessage): Sender {
    const peer = this.#peers.get(socket) ?? this.#meet(socket);
    return peer.isTrustedProxy ? this.#behind(peer, headers) : peer;
  }

  /** What holds for all requests of a connection. */
  #meet(socket: Socket): Sender {
    const [address = ''] = believedChain(socket.remoteAddress ?? '', undefined, this.#trusted);
    const isEncrypted = 'encrypted' in socket && socket.encrypted === true;
    const isTrustedProxy = isTrusted(address, this.#trusted);
    const peer: Sender = { address, forwardedFor: address, scheme: isEncrypted ? 'https' : 'http', isTrustedProxy };
    this.#peers.set(socket, peer);
    return peer;
  }

  #behind(proxy: Sender, headers: IncomingHttpHeaders): Sender {
    const chain = believedChain(proxy.address, joined(headers['x-forwarded-for']), this.#trusted);
    return {
      address: chain[0] ?? '',
      forwardedFor: chain.join(', '),
      scheme: headers['x-forwarded-proto'] === 'https' ? 'https' : proxy.scheme,
      isTrustedProxy: true,
    };
  }
}

function joined(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header.join(', ') : header;
}
