import type { Socket } from 'node:net';
import type { ListenConfig } from '../config/schema.ts';
import { believedChain, isTrusted, networkOf, type TrustedProxies, trustedProxies } from './client-address.ts';

export type ConnectionLimits = Pick<
  ListenConfig,
  'max_connections' | 'max_connections_per_address' | 'trusted_proxies'
>;

/** The limit that a connection is one too many for. */
export type ConnectionLimit = 'max_connections' | 'max_connections_per_address';

/** Counts the connections that are open: all, and those of each address that is no trusted proxy's. */
export class OpenConnections {
  #limits: ConnectionLimits;
  #trusted: TrustedProxies;
  #count = 0;
  /** IPv6 by /64. */
  readonly #byNetwork = new Map<string, number>();

  constructor(limits: ConnectionLimits) {
    this.#limits = limits;
    this.#trusted = trustedProxies(limits.trusted_proxies);
  }

  /** For the connections from now on. */
  use(limits: ConnectionLimits): void {
    this.#limits = limits;
    this.#trusted = trustedProxies(limits.trusted_proxies);
  }

  /** Counts a connection until it closes. @returns the limit that it exceeds, if any */
  add(socket: Socket): ConnectionLimit | undefined {
    const network = this.#countedNetwork(socket);
    this.#count += 1;
    const ofNetwork = network === undefined ? 0 : this.#change(network, 1);
    socket.once('close', () => {
      this.#count -= 1;
      if (network !== undefined) this.#change(network, -1);
    });
    if (this.#count > this.#limits.max_connections) return 'max_connections';
    return ofNetwork > this.#limits.max_connections_per_address ? 'max_connections_per_address' : undefined;
  }

  /** Undefined for a trusted proxy, whose connections are those of many. */
  #countedNetwork({ remoteAddress = '' }: Socket): string | undefined {
    const [address = ''] = believedChain(remoteAddress, undefined, this.#trusted);
    return isTrusted(address, this.#trusted) ? undefined : networkOf(address);
  }

  #change(network: string, by: 1 | -1): number {
    const count = (this.#byNetwork.get(network) ?? 0) + by;
    if (count === 0) this.#byNetwork.delete(network);
    else this.#byNetwork.set(network, count);
    return count;
  }
}
