import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { upstream } from '../../src/config/schema.ts';
import type { Exchange } from '../../src/proxy/exchange.ts';
import { type HeaderPolicy, headerPolicy, requestHeaders, responseHeaders } from '../../src/proxy/headers.ts';

const server = createServer();
before(() => once(server.listen(0, '127.0.0.1'), 'listening'));
after(() => server.close());

/** Node's own reading of these header lines. */
async function received(lines: readonly string[]): Promise<IncomingMessage> {
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  const socket = connect(address.port, '127.0.0.1');
  socket.write(`GET / HTTP/1.1\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`, 'latin1');
  const [request, response] = await once(server, 'request');
  response.end();
  socket.destroy();
  return request;
}

function policyOf(config: Record<string, unknown> = {}): HeaderPolicy {
  return headerPolicy(upstream.parse({ targets: ['http://10.0.0.1:9000'], ...config }));
}

async function sent(
  lines: readonly string[],
  config: Record<string, unknown> = {},
  given: Partial<Exchange> = {},
): Promise<[string, string][]> {
  const request = await received(lines.some((line) => /^host:/i.test(line)) ? lines : ['Host: api.example', ...lines]);
  const policy = policyOf(config);
  const exchange = {
    clientAddress: '192.0.2.1',
    forwardedFor: '192.0.2.1',
    scheme: 'https',
    requestId: 'r-1',
    ...given,
  };
  const list = requestHeaders(
    request,
    { isPublic: false, claims: undefined, ...exchange } as Exchange,
    policy,
    '10.0.0.1:9000',
  );
  return list.flatMap((name, index) => (index % 2 ? [] : [[name, list[index + 1] ?? '']]));
}

/** All values under a name, spelt as upstreams of the CGI kind see it. */
function under(headers: readonly [string, string][], name: string): string[] {
  return headers.filter(([key]) => key.toLowerCase().replace(/[_.]/g, '-') === name).map(([, value]) => value);
}

describe('what the client may not say never arrives', () => {
  const rows: [sentence: string, lines: string[], name: string, config?: Record<string, unknown>][] = [
    ['Connection', ['Connection: keep-alive'], 'connection'],
    ['Keep-Alive', ['Keep-Alive: timeout=5'], 'keep-alive'],
    ['Proxy-Connection', ['Proxy-Connection: keep-alive'], 'proxy-connection'],
    ['Proxy-Authorization', ['Proxy-Authorization: Basic x'], 'proxy-authorization'],
    ['TE', ['TE: trailers'], 'te'],
    ['Trailer', ['Trailer: X-Sum'], 'trailer'],
    ['Transfer-Encoding', ['Transfer-Encoding: chunked'], 'transfer-encoding'],
    ['Transfer_Encoding', ['Transfer_Encoding: chunked'], 'transfer-encoding'],
    ['Upgrade', ['Upgrade: h2c'], 'upgrade'],
    ['HTTP2-Settings', ['HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA'], 'http2-settings'],
    ['Expect', ['Expect: 100-continue'], 'expect'],
    ['Content_Length', ['Content_Length: 5'], 'content-length'],
    ['Proxy', ['Proxy: http://evil.example'], 'proxy'],
    ['X-Real-IP', ['X-Real-IP: 10.0.0.1', 'x_real_ip: 10.0.0.1'], 'x-real-ip'],
    ['X-Forwarded-Port', ['X-Forwarded-Port: 1', 'X_Forwarded.Port: 2'], 'x-forwarded-port'],
    ['X-Original-URL', ['X-Original-URL: /admin'], 'x-original-url'],
    ['X-Rewrite-URL', ['X-Rewrite-URL: /admin'], 'x-rewrite-url'],
    ['what Connection names', ['Connection: close, X-Hop', 'X-Hop: 1', 'x-hop: 2'], 'x-hop'],
    ['what a second Connection names', ['Connection: close', 'Connection: x-hop', 'X-Hop: 1'], 'x-hop'],
    [
      'Authorization, where the upstream removes it',
      ['Authorization: Bearer x'],
      'authorization',
      { authorization: 'remove' },
    ],
    [
      'identity headers in every spelling',
      ['X-User: admin', 'x-user: admin', 'X_User: admin', 'X.User: admin', 'x_USER: admin'],
      'x-user',
      { identity_headers: { 'X-User': '{token.sub}' } },
    ],
    [
      'identity headers whose own name has an underscore',
      ['X-User: admin', 'X_User: admin'],
      'x-user',
      { identity_headers: { X_User: '{token.sub}' } },
    ],
  ];
  for (const [sentence, lines, name, config] of rows) {
    test(sentence, async () => assert.deepEqual(under(await sent(lines, config), name), []));
  }
});

describe('what we say arrives once, whatever the client says', () => {
  const ours: [name: string, value: string][] = [
    ['x-forwarded-for', '192.0.2.1'],
    ['x-forwarded-proto', 'https'],
    ['x-forwarded-host', 'api.example'],
    ['forwarded', 'for=192.0.2.1;host="api.example";proto=https'],
    ['x-request-id', 'r-1'],
    ['x-user', 'ann'],
  ];
  const config = { identity_headers: { 'X-User': '{token.sub}' } };
  for (const [name, value] of ours) {
    const spellings = [name, name.toUpperCase(), name.replaceAll('-', '_'), name.replaceAll('-', '.')];
    test(`${name}, forged`, async () => {
      const lines = spellings.map((spelling) => `${spelling}: evil`);
      assert.deepEqual(under(await sent(lines, config, { claims: { sub: 'ann' } }), name), [value]);
    });
    test(`${name}, named by Connection`, async () => {
      const lines = [`Connection: close, ${spellings.join(', ')}`, `${name}: evil`];
      assert.deepEqual(under(await sent(lines, config, { claims: { sub: 'ann' } }), name), [value]);
    });
  }
});

describe('Host', () => {
  const rows: [sentence: string, host: string, lines: string[], expected: string[]][] = [
    ['is the client’s', 'preserve', ['Host: api.example:8443'], ['api.example:8443']],
    ['is the target’s', 'target', ['Host: api.example'], ['10.0.0.1:9000']],
    ['is a literal', 'legacy.example', ['Host: api.example'], ['legacy.example']],
    ['is the target’s where the client sent none', 'preserve', ['Host:'], ['10.0.0.1:9000']],
    ['cannot be removed', 'preserve', ['Host: api.example', 'Connection: host'], ['api.example']],
  ];
  for (const [sentence, host, lines, expected] of rows) {
    test(sentence, async () => assert.deepEqual(under(await sent(lines, { host }), 'host'), expected));
  }
});

describe('Authorization', () => {
  test('is passed on', async () => {
    assert.deepEqual(under(await sent(['Authorization: Bearer x']), 'authorization'), ['Bearer x']);
  });
  test('never is on public routes', async () => {
    assert.deepEqual(under(await sent(['AUTHORIZATION: Bearer x'], {}, { isPublic: true }), 'authorization'), []);
  });
});

describe('Forwarded', () => {
  const rows: [sentence: string, given: Partial<Exchange>, lines: string[], expected: string][] = [
    ['quotes IPv6', { clientAddress: '2001:db8::1' }, ['Host: h'], 'for="[2001:db8::1]";host="h";proto=https'],
    [
      'escapes a Host that would break out',
      {},
      ['Host: a";for=1\\'],
      'for=192.0.2.1;host="a\\";for=1\\\\";proto=https',
    ],
    ['leaves an empty Host out', {}, ['Host:'], 'for=192.0.2.1;proto=https'],
    ['tells the scheme', { scheme: 'http' }, ['Host: h'], 'for=192.0.2.1;host="h";proto=http'],
  ];
  for (const [sentence, given, lines, expected] of rows) {
    test(sentence, async () => assert.deepEqual(under(await sent(lines, {}, given), 'forwarded'), [expected]));
  }
});

describe('traceparent', () => {
  const id = '0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331';
  const rows: [sentence: string, lines: string[], passed: boolean][] = [
    ['well formed', [`traceparent: 00-${id}-01`], true],
    ['of a later version, with more', [`traceparent: 01-${id}-01-more`], true],
    ['none', [], false],
    ['too long for its version', [`traceparent: 00-${id}-01-more`], false],
    ['upper case', [`traceparent: 00-${id.toUpperCase()}-01`], false],
    ['version ff', [`traceparent: ff-${id}-01`], false],
    ['no trace id', [`traceparent: 00-${'0'.repeat(32)}-b7ad6b7169203331-01`], false],
    ['no parent id', [`traceparent: 00-0af7651916cd43dd8448eb211c80319c-${'0'.repeat(16)}-01`], false],
    ['twice', [`traceparent: 00-${id}-01`, `traceparent: 00-${id}-00`], false],
  ];
  for (const [sentence, lines, passed] of rows) {
    test(sentence, async () => {
      const headers = await sent([...lines, 'tracestate: a=1']);
      const [value, ...more] = under(headers, 'traceparent');
      assert.deepEqual(more, []);
      assert.match(value ?? '', /^0[01]-[0-9a-f]{32}-[0-9a-f]{16}-0[01](-more)?$/);
      assert.equal(`traceparent: ${value}` === lines[0], passed);
      assert.deepEqual(under(headers, 'tracestate'), passed ? ['a=1'] : []);
    });
  }
});

test('the rest keeps its order, its spelling, its repetitions and its bytes', async () => {
  const lines = ['ACCEPT: a/b', 'Cookie: a=1', 'X-Two: 1', 'cookie: b=2', 'X-Two: 2', 'X-Latin: caf\xe9', 'X-Empty:'];
  const kept = (await sent(lines)).filter(([name]) => /^(accept|cookie|x-two|x-latin|x-empty)$/i.test(name));
  assert.deepEqual(
    kept.map(([name, value]) => `${name}: ${value}`.trim()),
    lines,
  );
});

test('response headers lose what is hop by hop, and keep their bytes and repetitions', () => {
  const raw = [
    ['Content-Type', 'text/plain'],
    ['Set-Cookie', 'a=1'],
    ['Connection', 'X-Hop'],
    ['connection', 'close, x-other'],
    ['Keep-Alive', 'timeout=5'],
    ['Transfer-Encoding', 'chunked'],
    ['Trailer', 'X-Sum'],
    ['Upgrade', 'h2c'],
    ['Proxy-Authenticate', 'Basic'],
    ['X-Hop', '1'],
    ['X-Other', '1'],
    ['set-cookie', 'b=2'],
    ['Set-Cookie', 'c=3'],
    ['X-Latin', 'caf\xe9'],
  ].flat();
  const expected = ['Content-Type', 'text/plain', 'Set-Cookie', ['a=1', 'b=2', 'c=3'], 'X-Latin', 'caf\xe9'];
  const policy = policyOf();
  assert.deepEqual(
    responseHeaders(
      raw.map((text) => Buffer.from(text, 'latin1')),
      policy,
    ),
    expected,
  );
  assert.deepEqual(responseHeaders(raw, policy), expected);
});

describe('a cookie that carries the session of a login', () => {
  const config = { cookies: { JSESSIONID: '{carry.session}', 'ASP.NET_SessionId': 'x{carry.other}' } };
  const ours = { claims: { sub: 'u-1' }, carried: { session: 'A%3A"b"==', other: 'y' } };
  const BOTH = 'JSESSIONID=A%3A"b"==; ASP.NET_SessionId=xy';
  const SENT: [sentence: string, lines: string[], given: Partial<Exchange>, expected: string[]][] = [
    ['is set as it was', [], ours, [BOTH]],
    ['comes before the others', ['Cookie: a=1; b="2"'], ours, [`${BOTH}; a=1; b="2"`]],
    ['makes one header of several', ['Cookie: a=1', 'cookie: b=2;;'], ours, [`${BOTH}; a=1; b=2`]],
    ['replaces the client’s', ['Cookie: JSESSIONID=evil; a=1; jsessionid=evil'], ours, [`${BOTH}; a=1`]],
    ['is left out where nothing is carried', ['Cookie: JSESSIONID=evil'], { claims: {} }, []],
    [
      'is left out alone',
      ['Cookie: a=1; JSESSIONID=evil'],
      { claims: {}, carried: { other: 'y' } },
      ['ASP.NET_SessionId=xy; a=1'],
    ],
    ['is nobody’s on a public route', ['Cookie: JSESSIONID=evil; a=1'], { isPublic: true }, ['a=1']],
    ['is not what Connection names', ['Connection: Cookie', 'Cookie: a=1'], ours, [BOTH]],
    ...[
      'ASP_NET.SessionId=evil',
      'ASP%2eNET_SessionId=evil',
      'JSESSIONID',
      'JSESSIONID[0]=evil',
      '\tJSESSIONID =evil',
      '%4aSESSIONID=evil',
      'a=1,JSESSIONID=evil',
      'JSESSIONID="evil; b=2"',
    ].map((cookie): (typeof SENT)[number] => [
      `is not ${cookie}`,
      [`Cookie: ${cookie}`],
      { claims: {} },
      cookie.includes('b=2') ? ['b=2"'] : [],
    ]),
  ];
  for (const [sentence, lines, given, expected] of SENT) {
    test(sentence, async () => assert.deepEqual(under(await sent(lines, config, given), 'cookie'), expected));
  }

  const SET: [cookie: string, passes: boolean][] = [
    ['a=1; Path=/; Expires=Thu, 01 Jan 2032 00:00:00 GMT', true],
    ['JSESSIONID=2; Path=/', false],
    ['jsessionid=; Max-Age=0', false],
    ['ASP.NET_SessionId=2', false],
    ['a=1; Path=/, JSESSIONID=2', false],
    ['JSESSIONID2=2', true],
  ];
  for (const [cookie, passes] of SET) {
    test(`${passes ? 'leaves' : 'keeps from the client'} Set-Cookie: ${cookie}`, () => {
      assert.deepEqual(responseHeaders(['Set-Cookie', cookie], policyOf(config)), passes ? ['Set-Cookie', cookie] : []);
    });
  }

  test('a header of ours may have it, instead of the client’s token', async () => {
    const token = {
      identity_headers: { Authorization: 'Bearer {carry.session}', 'X-Other': '{carry.other} {token.sub}' },
    };
    const lines = ['Authorization: Bearer ours', 'DPoP: proof', 'X-Other: evil'];
    const headers = await sent(lines, token, ours);
    assert.deepEqual(under(headers, 'authorization'), [`Bearer ${ours.carried.session}`]);
    assert.deepEqual([under(headers, 'x-other'), under(headers, 'dpop')], [['y u-1'], []]);
    const without = await sent(lines, token, { claims: { sub: 'u-1' } });
    assert.deepEqual([under(without, 'authorization'), under(without, 'x-other')], [[], []]);
  });
});
