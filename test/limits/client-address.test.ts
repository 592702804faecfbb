import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { believedChain, networkOf, trustedProxies } from '../../src/limits/client-address.ts';

const TRUSTED = trustedProxies(['10.0.0.0/8', '192.0.2.7', 'fd00::/8', '2001:db8::7']);

describe('the address of a client', () => {
  const rows: [sentence: string, peer: string, forwardedFor: string | undefined, address: string][] = [
    ['without a header is its peer', '10.0.0.1', undefined, '10.0.0.1'],
    ['is the peer when that is not trusted', '198.51.100.1', '203.0.113.5', '198.51.100.1'],
    ['is what a trusted peer says', '10.0.0.1', '203.0.113.5', '203.0.113.5'],
    ['is what a single trusted address says', '192.0.2.7', '203.0.113.5', '203.0.113.5'],
    ['is the peer when only its neighbour is trusted', '192.0.2.8', '203.0.113.5', '192.0.2.8'],
    ['skips trusted proxies from the right', '10.0.0.1', '203.0.113.5, 10.0.0.3,10.0.0.2', '203.0.113.5'],
    ['is not what the sender wrote before it', '10.0.0.1', '10.9.9.9, 1.1.1.1, 203.0.113.5', '203.0.113.5'],
    ['is the leftmost when all are trusted', '10.0.0.1', '10.0.0.3, 10.0.0.2', '10.0.0.3'],
    ['is the last that can be read before garbage', '10.0.0.1', '203.0.113.5, unknown, 10.0.0.2', '10.0.0.2'],
    ['is the peer when the header is empty', '10.0.0.1', '', '10.0.0.1'],
    ['is the peer when the header ends in nothing', '10.0.0.1', '203.0.113.5,', '10.0.0.1'],
    ['is no number out of range', '10.0.0.1', '203.0.113.256', '10.0.0.1'],
    ['has no port (IPv4)', '10.0.0.1', '203.0.113.5:4711', '203.0.113.5'],
    ['has no port (IPv6)', '10.0.0.1', '[2001:db8::1]:4711', '2001:db8::1'],
    ['has no brackets', '10.0.0.1', '[2001:db8::1]', '2001:db8::1'],
    ['is not what stands in unclosed brackets', '10.0.0.1', '[2001:db8::1', '10.0.0.1'],
    ['has one spelling', '10.0.0.1', '2001:DB8:0:0:0::1', '2001:db8::1'],
    ['is an IPv4 address when the peer is one in IPv6', '::ffff:198.51.100.1', undefined, '198.51.100.1'],
    ['believes a trusted peer that is IPv4 in IPv6', '::ffff:10.0.0.1', '203.0.113.5', '203.0.113.5'],
    ['believes a trusted peer with IPv6', 'fd00::1', '203.0.113.5', '203.0.113.5'],
    ['cannot be hidden as IPv4 in IPv6', '10.0.0.1', '203.0.113.5, ::ffff:10.0.0.2', '203.0.113.5'],
    ['cannot be hidden in hexadecimal', '10.0.0.1', '::ffff:cb00:7105', '203.0.113.5'],
    ['has no zone', 'fe80::1%eth0', undefined, 'fe80::1'],
  ];
  for (const [sentence, peer, forwardedFor, address] of rows) {
    it(sentence, () => assert.equal(believedChain(peer, forwardedFor, TRUSTED)[0], address));
  }

  it('is the peer when nobody is trusted', () => {
    assert.equal(believedChain('10.0.0.1', '203.0.113.5', trustedProxies([]))[0], '10.0.0.1');
  });

  it('is passed on with the proxies it came through, and without what it claims itself', () => {
    const chain = believedChain('10.0.0.1', '1.1.1.1, 203.0.113.5, 10.0.0.2', TRUSTED);
    assert.deepEqual(chain, ['203.0.113.5', '10.0.0.2', '10.0.0.1']);
  });
});

describe('the network that an address is counted as', () => {
  const rows: [address: string, network: string][] = [
    ['203.0.113.5', '203.0.113.5'],
    ['::ffff:203.0.113.5', '203.0.113.5'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::6', '2001:db8:1:2::/64'],
    ['2001:DB8:1:2:ffff::', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['2001::4:5:6:7:8', '2001:0:0:4::/64'],
    ['1::4:5:6:7:8', '1:0:0:4::/64'],
    ['::1', '0:0:0:0::/64'],
    ['::', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ];
  for (const [address, network] of rows) {
    it(`${address} is ${network}`, () => assert.equal(networkOf(address), network));
  }
});
