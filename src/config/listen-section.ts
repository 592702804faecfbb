import * as z from 'zod';
import { section } from './section.ts';
import { address, count, countOrAuto, endpoint, headerName, optional, size, text, timeout, wait } from './values.ts';

export const listen = section({
  address: endpoint
    .prefault('127.0.0.1:8080')
    .describe(
      '`host:port`, `[::1]:8080`, or `:8080` for all interfaces. Port 0 takes a free one. The listener speaks HTTP/1.1.',
    ),
  workers: countOrAuto(1024)
    .prefault(1)
    .describe(
      'How many processes share the address; `auto` is one for each core. More than one needs `store.redis`. See [workers](operating.md#workers).',
    ),
  trusted_proxies: z
    .array(address('expected an address range such as 10.0.0.0/8', { ranges: true }), {
      error: 'expected a list of address ranges',
    })
    .default([])
    .describe(
      'Addresses and ranges (`10.0.0.0/8`, `2001:db8::/32`) whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.',
    ),
  tls: section({
    certificate_file: text.describe('The certificate in PEM, with the intermediate ones after it.'),
    private_key_file: text.describe('Its key in PEM, without a passphrase.'),
    client_ca_file: optional(text).describe(
      'The authorities, in PEM, that may vouch for [certificates of clients](#certificates-of-clients).',
    ),
  })
    .optional()
    .describe('Listens with TLS; see [tls](#tls). Without it, in clear text.'),
  client_certificate_header: optional(headerName).describe(
    "The header in which trusted proxies pass the client's certificate on; see [certificates of clients](#certificates-of-clients). Needs `trusted_proxies`.",
  ),
  client_certificate_ca_file: optional(text).meta({
    description: 'The authorities for certificates in that header.',
    absent: '`tls.client_ca_file`',
  }),
  max_connections: count(1, 1_000_000)
    .prefault(10_000)
    .describe(
      'How many connections may be open at once. Those beyond are closed unheard, and `postern_connections_dropped_total{limit}` counts them. Workers have an equal share each. Each may need a second one, to its upstream: mind the limit on open files.',
    ),
  max_connections_per_address: count(1, 1_000_000)
    .prefault(1000)
    .describe(
      'How many of them one address may have (IPv6 by /64); `trusted_proxies` may have all. Those beyond are closed and counted in the same way. Raise it where many clients share an address, behind NAT or a balancer that is no trusted proxy.',
    ),
  max_header_size: size
    .refine((bytes) => bytes >= 1024 && bytes <= 1024 ** 2, 'expected a size from 1kb to 1mb')
    .prefault('16kb')
    .describe('Request line and headers together; 1kb to 1mb. More is answered 431, and so are more than 100 headers.'),
  header_timeout: timeout
    .prefault('10s')
    .describe(
      'Time for the request line and the headers. Later ones are answered 408, and the connection is closed. May not exceed `request_timeout`.',
    ),
  request_timeout: timeout
    .prefault('60s')
    .describe(
      'Time for the whole request with its body. A later one is answered 408, unless its answer has begun, and the connection is closed.',
    ),
  keep_alive_timeout: timeout
    .prefault('65s')
    .describe('How long an idle connection stays open. Keep it longer than that of the load balancer in front.'),
  shutdown_grace: wait
    .prefault('25s')
    .describe(
      'After SIGTERM or SIGINT, how long requests may take to end. Then all connections are closed. A second signal ends the process at once.',
    ),
}).describe('The public address, and what a caller may cost before its request is known.');

export const admin = section({
  address: endpoint.prefault('127.0.0.1:9901').describe('As in `listen`. May not be the address of `listen`.'),
  /** Empty means none, so that `${POSTERN_ADMIN_TOKEN:-}` may be left unset. */
  token: z.string({ error: 'expected text' }).default('').meta({
    description: 'The bearer token for `/metrics` and `/sessions`. Needed if `address` is not a loopback address.',
    absent: 'none',
  }),
}).describe('Health, metrics and sessions, on an address of their own.');
