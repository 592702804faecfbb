import * as z from 'zod';
import { section } from './section.ts';
import { headerName, hostName, text, timeout, url } from './values.ts';

const COOKIE_NAME = 'expected the name of a cookie (RFC 6265 §4.1.1)';
const cookieName = z.string({ error: COOKIE_NAME }).regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, COOKIE_NAME);
const headerValue = text.regex(/^[\x20-\x7e]*$/, 'a header has visible ASCII characters and spaces only');

export const upstream = section({
  targets: z
    .array(url(['http', 'https'], { path: false, query: false }), { error: 'expected a list of URLs' })
    .min(1, 'an upstream needs a target')
    .describe('URLs of `http://` or `https://`, without a path. At least one. A target takes 4096 requests at once.'),
  balance: z
    .enum(['round_robin'], { error: 'expected round_robin' })
    .default('round_robin')
    .describe('Targets take turns. Full ones are passed over; if all are full, the answer is 503 with `Retry-After`.'),
  connect_timeout: timeout
    .prefault('5s')
    .describe('Time to connect. Then 504. If the target refuses the connection, 502.'),
  response_timeout: timeout
    .nullable()
    .prefault('30s')
    .describe('Time until the response begins. Then 504. `null` for no limit.'),
  idle_timeout: timeout
    .prefault('5m')
    .describe(
      'How long nothing may move inside of a response or a WebSocket. Then the connection is cut. The same for a client that does not read.',
    ),
  host: hostName
    .prefault('preserve')
    .describe("The `Host` that the upstream gets: `preserve` for the client's, `target` for the target's, or a name."),
  authorization: z
    .enum(['keep', 'remove'], { error: 'expected keep or remove' })
    .default('keep')
    .describe(
      "Whether the upstream gets the client's `Authorization`: `keep` or `remove`. On public routes it is always removed.",
    ),
  identity_headers: z
    .record(headerName, headerValue, { error: 'expected a mapping of header names to values' })
    .default({})
    .describe('Headers that tell the upstream who calls: see [identity headers](#identity-headers).'),
  cookies: z
    .record(cookieName, headerValue, { error: 'expected a mapping of cookie names to values' })
    .default({})
    .describe(
      'Cookies with the session that the caller has in the upstream: see [sessions](#sessions-of-applications).',
    ),
});
