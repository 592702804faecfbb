import { BlockList, isIP, isIPv6, SocketAddress } from 'node:net';

/** Whose X-Forwarded-For is believed. */
export type TrustedProxies = BlockList;

/**
 * The addresses that a request came through, the client's first and the peer's last: what may be passed on as
 * X-Forwarded-For. The client is the rightmost address that is not a trusted proxy itself. What stands left of it was
 * written by that client and proves nothing; the header of a peer that is not trusted is not looked at, and one that is
 * malformed is believed as far as it can be read.
 */
export function believedChain(peer: string, forwardedFor: string | undefined, trusted: TrustedProxies): string[] {
  const chain = [canonicalAddress(peer) ?? peer];
  for (const entry of forwardedFor?.split(',').reverse() ?? []) {
    const forwarded = isTrusted(chain[0] ?? '', trusted) ? forwardedAddress(entry.trim()) : undefined;
    if (forwarded === undefined) break;
    chain.unshift(forwarded);
  }
  return chain;
}

/** @param cidrs addresses and ranges, as `listen.trusted_proxies` has them */
export function trustedProxies(cidrs: readonly string[]): TrustedProxies {
  const trusted = new BlockList();
  for (const cidr of cidrs) {
    const [network = '', prefix] = cidr.split('/');
    const family = isIPv6(network) ? 'ipv6' : 'ipv4';
    trusted.addSubnet(network, Number(prefix ?? (family === 'ipv6' ? 128 : 32)), family);
  }
  return trusted;
}

/** What an address is counted as: an IPv4 address as itself, an IPv6 address as its /64, which one host has to itself. */
export function networkOf(address: string): string {
  const canonical = canonicalAddress(address) ?? address;
  if (!isIPv6(canonical)) return canonical;
  const [head = [], tail = []] = canonical.split('::').map((part) => (part === '' ? [] : part.split(':')));
  const zeros = Array.from({ length: 8 - head.length - tail.length }, () => '0');
  return `${[...head, ...zeros, ...tail].slice(0, 4).join(':')}::/64`;
}

export function isTrusted(address: string, trusted: TrustedProxies): boolean {
  return isIP(address) !== 0 && trusted.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}

/** `192.0.2.1`, `2001:db8::1`, `[2001:db8::1]`, and the first and last with a port, as some proxies write them. */
function forwardedAddress(entry: string): string | undefined {
  const match = /^\[([^\]]+)\](?::\d{1,5})?$/.exec(entry) ?? /^([\d.]+):\d{1,5}$/.exec(entry);
  return canonicalAddress(match?.[1] ?? entry);
}

/** One spelling an address: IPv6 as RFC 5952 writes it, without a zone; IPv4 in IPv6 (RFC 4291 §2.5.5.2) as IPv4. */
function canonicalAddress(text: string): string | undefined {
  const [address = ''] = text.split('%');
  if (!isIPv6(address)) return isIP(address) === 0 ? undefined : address;
  const canonical = new SocketAddress({ address, family: 'ipv6' }).address;
  return canonical.startsWith('::ffff:') && canonical.includes('.') ? canonical.slice('::ffff:'.length) : canonical;
}
