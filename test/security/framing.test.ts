/**
 * Where one request ends and the next begins is told by its framing: the end of its head, Content-Length, chunks. An
 * attacker writes a request that the gateway and the upstream, or a proxy before the gateway, end at different places. What
 * one of them takes for a body, the other one takes for a request of its own: it passes the guard unseen, or lands in
 * somebody else's connection.
 *
 * CVE-2026-29057: http-proxy re-framed a chunked DELETE or OPTIONS as `Content-Length: 0` and still sent its body.
 * CVE-2026-58055: a proxy passed on a request with an upgrade, a length and a body. The others here are of the CL.TE,
 * TE.CL, TE.TE and TERM.EXT families (RFC 9112 §11.2).
 *
 * The promise: 400 and the end of the connection, or exactly one request upstream, framed once.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, describe, test } from 'node:test';
import { startGateway } from '../support/gateway.ts';
import { sendRaw, statuses } from '../support/raw.ts';
import { holdsRequest, startRecordingUpstream } from '../support/recording-upstream.ts';

const GET = 'GET /open HTTP/1.1\r\nHost: x\r\n';
const POST = 'POST /open HTTP/1.1\r\nHost: x\r\n';
const CHUNKED = `${POST}Transfer-Encoding: chunked\r\n\r\n`;
const BEHIND = 'GET /behind HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';

const upstream = await startRecordingUpstream({ after });
const gateway = await startGateway(
  { after },
  {
    upstreams: { api: { targets: [upstream.url] } },
    routes: [
      { path: '/open', public: true, websocket: true, upstream: 'api' },
      { path: '/behind', public: true, upstream: 'api' },
      { path: '/closed', upstream: 'api' },
    ],
  },
);

/** Sends these bytes in one go; the answers' status codes, and what the upstream got, a text a connection. */
async function send(bytes: string): Promise<{ answered: number[]; reached: readonly string[] }> {
  const before = upstream.connections.length;
  const answered = statuses(await sendRaw(gateway, bytes, 2000));
  return { answered, reached: upstream.connections.slice(before) };
}

describe('a head that others could read otherwise is refused, and what follows is not executed', () => {
  const rows: [sentence: string, bytes: string][] = [
    ['a bare LF at every line', GET.replaceAll('\r\n', '\n').concat('\n')],
    ['a bare LF after one header', `${GET}A: b\nC: d\r\n\r\n`],
    ['a bare LF as the empty line', `${GET}\n`],
    ['a bare LF, then CRLF', `${GET}A: b\n\r\n`],
    ['a bare CR within a value', `${GET}A: b\rC: d\r\n\r\n`],
    ['a bare CR before a colon', `${GET}A\r: b\r\n\r\n`],
    ['two CRs before LF', `${GET}A: b\r\r\n\r\n`],
    ['obs-fold with a space', `${GET}A: b\r\n c\r\n\r\n`],
    ['obs-fold with a tab', `${GET}A: b\r\n\tc\r\n\r\n`],
    ['obs-fold before the first header', `GET /open HTTP/1.1\r\n A: b\r\nHost: x\r\n\r\n`],
    ['a folded length', `${POST}Content-Length:\r\n 3\r\n\r\nabc`],
    ['a folded coding', `${POST}Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n`],
    ['NUL in a name', `${GET}A\0: b\r\n\r\n`],
    ['NUL in a value', `${GET}A: b\0c\r\n\r\n`],
    ['another control character in a value', `${GET}A: \x01\r\n\r\n`],
    ['DEL in a value', `${GET}A: \x7f\r\n\r\n`],
    ['a space in a name', `${GET}A b: c\r\n\r\n`],
    ['a space before a name', `${GET} A: c\r\n\r\n`],
    ['a space before the colon of a length', `${POST}Content-Length : 3\r\n\r\nabc`],
    ['a tab before the colon of a coding', `${POST}Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n`],
    ['a byte beyond ASCII in a name', `${GET}A\xe9: c\r\n\r\n`],
    ['a name of no characters', `${GET}: c\r\n\r\n`],
    ['a line without a colon', `${GET}abc\r\n\r\n`],
    ['a NUL before the request line', `\0${GET}\r\n`],
    ['a space before the request line', ` ${GET}\r\n`],
    ['tabs in the request line', GET.replaceAll(' ', '\t').concat('\r\n')],
    ['a space at the end of the request line', `GET /open HTTP/1.1 \r\nHost: x\r\n\r\n`],
    ['a CR in the target', 'GET /open\rx HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['a NUL in the target', 'GET /open\0 HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['a method in lower case', GET.replace('GET', 'get').concat('\r\n')],
    ['a coding of nothing', `${POST}Transfer-Encoding: \r\n\r\n`],
    ['HTTP/0.9, without a version', 'GET /open\r\n\r\n'],
    ['HTTP/1.2', GET.replace('1.1', '1.2').concat('\r\n')],
    ['HTTP/1.10', GET.replace('1.1', '1.10').concat('\r\n')],
    ['HTTP/2.0', GET.replace('1.1', '2.0').concat('\r\n')],
    ['HTTP/2 with its preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['no Host', 'GET /open HTTP/1.1\r\n\r\n'],
    ['a target with its host', 'GET http://x/open HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['the asterisk', 'OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['dots in the path', 'GET /a/../open HTTP/1.1\r\nHost: x\r\n\r\n'],
  ];
  for (const [sentence, bytes] of rows) {
    test(sentence, async () => assert.deepEqual(await send(bytes + BEHIND), { answered: [400], reached: [] }));
  }
});

describe('a length or coding that could be two is refused, and what follows is not executed', () => {
  const lengths: [sentence: string, length: string][] = [
    ['with a plus', '+3'],
    ['with a minus', '-3'],
    ['as a list', '3, 3'],
    ['as a list of two', '3, 0'],
    ['in hexadecimal', '0x3'],
    ['with a fraction', '3.0'],
    ['with an exponent', '3e0'],
    ['with an underscore', '0_3'],
    ['with a parameter', '3;a'],
    ['in two parts', '1 1'],
    ['beyond 64 bits', '18446744073709551619'],
    ['beyond what a number can count', '9007199254740993\r\nConnection: close'],
    ['that is none', ''],
    ['and another one', '3\r\nContent-Length: 0'],
    ['and the same again', '3\r\nContent-Length: 3'],
    ['and the same again in another case', '3\r\nCONTENT-LENGTH: 3'],
    ['and chunks', '3\r\nTransfer-Encoding: chunked'],
    ['and an empty coding', '3\r\nTransfer-Encoding: '],
    ['and an unknown coding', '3\r\nTransfer-Encoding: xchunked'],
  ];
  for (const [sentence, length] of lengths) {
    test(`a length ${sentence}`, async () => {
      const { answered, reached } = await send(`${POST}Content-Length: ${length}\r\n\r\nabc${BEHIND}`);
      assert.equal(answered.length, 1);
      assert.ok(answered[0] === 400 || answered[0] === 413);
      assert.deepEqual(reached, []);
    });
  }

  const codings: [sentence: string, coding: string][] = [
    ['chunked, and a length', 'chunked\r\nContent-Length: 3'],
    ['chunked twice', 'chunked\r\nTransfer-Encoding: chunked'],
    ['chunked twice in a list', 'chunked, chunked'],
    ['chunked and identity', 'chunked, identity'],
    ['identity', 'identity'],
    ['identity, and a length', 'identity\r\nContent-Length: 3'],
    ['gzip and chunked', 'gzip, chunked'],
    ['gzip and chunked in two headers', 'gzip\r\nTransfer-Encoding: chunked'],
    ['a word that ends in chunked', 'xchunked'],
    ['a word that begins with chunked', 'chunkedx'],
    ['chunked with a parameter', 'chunked;x'],
    ['chunked in quotes', '"chunked"'],
    ['chunked after a vertical tab', '\x0bchunked'],
    ['chunked before a NUL', 'chunked\0'],
    ['an empty list entry before chunked', ', chunked'],
    ['an empty list entry after chunked', 'chunked,'],
    ['nothing, then chunked', '\r\nTransfer-Encoding: chunked'],
    ['nothing, and a length', '\r\nContent-Length: 3'],
  ];
  for (const [sentence, coding] of codings) {
    test(`the coding ${sentence}`, async () => {
      const sent = `${POST}Transfer-Encoding: ${coding}\r\n\r\n0\r\n\r\n${BEHIND}`;
      assert.deepEqual(await send(sent), { answered: [400], reached: [] });
    });
  }

  for (const connection of ['close', 'keep-alive']) {
    test(`chunks in HTTP/1.0 with Connection: ${connection}`, async () => {
      const sent = CHUNKED.replace('1.1', '1.0').replace('Host', `Connection: ${connection}\r\nHost`);
      assert.deepEqual(await send(`${sent}0\r\n\r\n${BEHIND}`), { answered: [400], reached: [] });
    });
  }
});

describe('chunks that others could read otherwise never make a whole request, and what follows is not executed', () => {
  const rows: [sentence: string, body: string][] = [
    ['a size with 0x', '0x3\r\nabc\r\n0\r\n\r\n'],
    ['a size with a plus', '+3\r\nabc\r\n0\r\n\r\n'],
    ['a size with a minus', '-3\r\nabc\r\n0\r\n\r\n'],
    ['a size with an underscore', '0_3\r\nabc\r\n0\r\n\r\n'],
    ['a size behind a space', ' 3\r\nabc\r\n0\r\n\r\n'],
    ['a size before a space', '3 \r\nabc\r\n0\r\n\r\n'],
    ['a size before a tab', '3\t\r\nabc\r\n0\r\n\r\n'],
    ['a size of no digits', '\r\nabc\r\n0\r\n\r\n'],
    ['a size beyond 64 bits', '10000000000000003\r\nabc\r\n0\r\n\r\n'],
    ['a size ended by a bare LF', '3\nabc\r\n0\r\n\r\n'],
    ['an extension ended by a bare LF', '3;a\nabc\r\n0\r\n\r\n'],
    ['an extension with a bare CR', '3;a\rb\r\nabc\r\n0\r\n\r\n'],
    ['an extension whose quotes hold a line break', '3;a="\r\nabc\r\n0\r\n\r\n'],
    ['data ended by a bare LF', '3\r\nabc\n0\r\n\r\n'],
    ['data longer than its size', '3\r\nabcd\r\n0\r\n\r\n'],
    ['data shorter than its size', '3\r\nab\r\n0\r\n\r\n'],
    ['a last chunk ended by bare LFs', '3\r\nabc\r\n0\n\n'],
    ['a trailer ended by a bare LF', '3\r\nabc\r\n0\r\nA: b\n\r\n'],
    ['a trailer with a space before its colon', '3\r\nabc\r\n0\r\nA : b\r\n\r\n'],
    ['a length in the trailers', '3\r\nabc\r\n0\r\nContent-Length: 3\r\n\r\n'],
    ['a coding in the trailers', '3\r\nabc\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n'],
  ];
  for (const [sentence, body] of rows) {
    test(sentence, async () => {
      const { answered, reached } = await send(CHUNKED + body + BEHIND);
      assert.deepEqual(answered, [400]);
      assert.deepEqual(reached.filter(holdsRequest), []);
    });
  }
});

describe('what can be read in one way only is one request upstream, and what follows is another one', () => {
  const inside = `${BEHIND.length.toString(16)}\r\n${BEHIND}\r\n0\r\n\r\n`;
  const rows: [sentence: string, bytes: string, line: string, body: string][] = [
    ['a length with zeros before it', `${POST}Content-Length: 003\r\n\r\nabc`, 'POST /open', 'abc'],
    ['a length before a space', `${POST}Content-Length: 3 \r\n\r\nabc`, 'POST /open', 'abc'],
    ['a length with an underscore in its name is none', `${POST}Content_Length: 3\r\n\r\n`, 'POST /open', ''],
    ['a coding with an underscore in its name is none', `${GET}Transfer_Encoding: chunked\r\n\r\n`, 'GET /open', ''],
    [
      'a length that Connection names',
      `${POST}Connection: content-length\r\nContent-Length: 3\r\n\r\nabc`,
      'POST /open',
      'abc',
    ],
    [
      'a coding that Connection names',
      CHUNKED.replace('Host', 'Connection: transfer-encoding\r\nHost').concat('3\r\nabc\r\n0\r\n\r\n'),
      'POST /open',
      'abc',
    ],
    ['a coding in mixed case', `${POST}Transfer-Encoding: cHuNkEd\r\n\r\n3\r\nabc\r\n0\r\n\r\n`, 'POST /open', 'abc'],
    ['a coding behind a tab', `${POST}Transfer-Encoding:\tchunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`, 'POST /open', 'abc'],
    ['an extension of a chunk', `${CHUNKED}3;a=b;c="d"\r\nabc\r\n0\r\n\r\n`, 'POST /open', 'abc'],
    ['a size with zeros before it', `${CHUNKED}00000000000000000003\r\nabc\r\n000\r\n\r\n`, 'POST /open', 'abc'],
    ['trailers', `${CHUNKED}3\r\nabc\r\n0\r\nHost: y\r\nAuthorization: Bearer x\r\n\r\n`, 'POST /open', 'abc'],
    ['line breaks before the request', `\r\n\n${GET}\r\n`, 'GET /open', ''],
    ['several spaces in the request line', 'GET  /open  HTTP/1.1\r\nHost: x\r\n\r\n', 'GET /open', ''],
    [
      'HTTP/1.0 that keeps the connection',
      GET.replace('1.1', '1.0').concat('Connection: keep-alive\r\n\r\n'),
      'GET /open',
      '',
    ],
    [
      'a GET with a request in its body',
      `${GET}Content-Length: ${BEHIND.length}\r\n\r\n${BEHIND}`,
      'GET /open',
      BEHIND,
    ],
    ...['GET', 'DELETE', 'OPTIONS', 'PATCH'].map((method): [string, string, string, string] => [
      `a chunked ${method} with a request inside (CVE-2026-29057)`,
      CHUNKED.replace('POST', method) + inside,
      `${method} /open`,
      BEHIND,
    ]),
  ];
  for (const [sentence, bytes, line, body] of rows) {
    test(sentence, async () => {
      const { answered, reached } = await send(bytes + BEHIND);
      assert.deepEqual(answered, [200, 200]);
      assert.deepEqual(reached.map(read), [
        { line, body },
        { line: 'GET /behind', body: '' },
      ]);
    });
  }
});

/** What the bytes of a connection say, framed once and with nothing behind. */
function read(bytes: string): { line: string; body: string } {
  const end = bytes.indexOf('\r\n\r\n') + 4;
  const body = bytes.slice(end);
  const [framing, ...others] = bytes.slice(0, end).matchAll(/^(content-length|transfer-encoding): (.*)\r$/gim);
  assert.deepEqual(others, []);
  const line = bytes.slice(0, bytes.indexOf(' HTTP/1.1\r\n'));
  if (framing?.[2] === 'chunked') return { line, body: /^[0-9a-f]+\r\n([\s\S]*)\r\n0\r\n\r\n$/.exec(body)?.[1] ?? '' };
  assert.equal(body.length, Number(framing?.[2] ?? 0));
  return { line, body };
}

describe('the body of a request that is refused is never a request', () => {
  const inside = `${GET}\r\n`;
  const rows: [sentence: string, target: string, status: number][] = [
    ['without a token', '/closed', 401],
    ['without a route', '/none', 404],
    ['at the token endpoint', '/token', 400],
  ];
  for (const [sentence, target, status] of rows) {
    test(sentence, async () => {
      const head = `POST ${target} HTTP/1.1\r\nHost: x\r\nContent-Length: ${inside.length}\r\n\r\n`;
      const { answered, reached } = await send(head + inside + BEHIND);
      assert.deepEqual([answered, reached.map(read)], [[status, 200], [{ line: 'GET /behind', body: '' }]]);
    });
  }

  test('over max_body', async () => {
    const head = `${POST}Connection: close\r\nContent-Length: ${11 * 1024 ** 2}\r\n\r\n`;
    assert.deepEqual(await send(head + inside), { answered: [413], reached: [] });
  });
});

describe('a request is read after the answer to the one before it, and not at all when that one was the last', () => {
  const upgrade =
    'GET /open HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
    'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';
  const rows: [sentence: string, bytes: string, answered: number[]][] = [
    ['a request behind Connection: close', `${GET}Connection: close\r\n\r\n${BEHIND}`, [200]],
    ['a request behind HTTP/1.0', `${GET.replace('1.1', '1.0')}\r\n${BEHIND}`, [200]],
    ['line breaks behind Connection: close', `${GET}Connection: close\r\n\r\n\r\n\r\n`, [200]],
    ['an upgrade behind a refused request', `${GET.replace('/open', '/..')}\r\n${upgrade}`, []],
    ['an upgrade behind a request that waits for its answer', `${GET}\r\n${upgrade}`, []],
    ['CONNECT behind a refused request', `${GET.replace('/open', '/..')}\r\n${BEHIND.replace('GET', 'CONNECT')}`, []],
    ['an upgrade with a body (CVE-2026-58055)', upgrade.replace('Host', 'Content-Length: 3\r\nHost'), [400]],
    ['an upgrade with chunks', upgrade.replace('Host', 'Transfer-Encoding: chunked\r\nHost'), [400]],
    [
      'an upgrade to another protocol with a body',
      upgrade.replace('websocket', 'x').replace('Host', 'Content-Length: 3\r\nHost'),
      [426],
    ],
  ];
  for (const [sentence, bytes, expected] of rows) {
    test(sentence, async () => {
      const { answered, reached } = await send(bytes);
      assert.deepEqual(answered, expected);
      assert.deepEqual(
        reached.filter((text) => /behind|upgrade/i.test(text)),
        [],
      );
    });
  }

  test('a request that comes while the refused one is being closed', async () => {
    const before = upstream.connections.length;
    const { hostname, port } = new URL(gateway.url);
    const socket = connect(Number(port), hostname).setNoDelay().resume();
    socket.on('error', () => {});
    socket.write(`${POST}Transfer-Encoding: gzip\r\nContent-Length: 3\r\n\r\n`);
    const more = setInterval(() => socket.write(BEHIND), 0);
    await once(socket, 'close');
    clearInterval(more);
    assert.equal(upstream.connections.length, before);
  });
});
