import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import { answering, gateway, httpUpstream, pause, RawClient, rawUpstream } from './stage.ts';

const GET = 'GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n';

describe('an answer arrives as it was sent', () => {
  test('status, reason, repeated headers and bytes beyond ASCII', async (t) => {
    const head =
      'HTTP/1.1 299 Odd\r\nSet-Cookie: a=1\r\nX-Latin: caf\xe9\r\nSet-Cookie: b=2\r\nContent-Length: 2\r\n\r\n';
    const { port } = await gateway(t, { targets: [await answering(t, `${head}\xe9\xff`)] });
    const answer = await new RawClient(t, port, GET).all();
    assert.match(answer, /^HTTP\/1\.1 299 Odd\r\n/);
    assert.match(answer, /Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n/);
    assert.match(answer, /X-Latin: caf\xe9\r\n/);
    assert.match(answer, /\r\n\r\n\xe9\xff$/);
  });

  const everyByte = (length: number) => String.fromCharCode(...Array.from({ length }, (_, index) => index % 256));
  const counted = (body: string) => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  const bodies: [sentence: string, answer: string, body: string][] = [
    ['of 256 bytes', counted(everyByte(256)), everyByte(256)],
    ['of 8 kB', counted(everyByte(8192)), everyByte(8192)],
    ['of more', counted(everyByte(8193)), everyByte(8193)],
    ['of several reads', counted(everyByte(90_000)), everyByte(90_000)],
  ];
  for (const [sentence, answer, body] of bodies) {
    test(`each byte of a body ${sentence}`, async (t) => {
      const { port } = await gateway(t, { targets: [await answering(t, answer)] });
      const received = await new RawClient(t, port, GET).all();
      assert.equal(received.slice(received.indexOf('\r\n\r\n') + 4), body);
    });
  }

  test('chunks that come with the head, in their order', async (t) => {
    const head = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';
    const { port } = await gateway(t, {
      targets: [await answering(t, `${head}2\r\n\xe9a\r\n1\r\nb\r\n1\r\nc\r\n0\r\n\r\n`)],
    });
    const received = await new RawClient(t, port, GET).all();
    assert.equal(
      received
        .match(/[^\r\n]+(?=\r\n)/g)
        ?.filter((line) => /^[\xe9abc]+$/.test(line))
        .join(''),
      '\xe9abc',
    );
  });

  test('header bytes survive where the body comes later', async (t) => {
    const head = 'HTTP/1.1 200 OK\r\nX-Latin: caf\xe9\r\nContent-Length: 2\r\n\r\n';
    const { port } = await gateway(t, { targets: [await answering(t, head)] });
    assert.match(await new RawClient(t, port, GET).until('\r\n\r\n'), /X-Latin: caf\xe9\r\n/);
  });

  test('a reason that Node would not write is left out', async (t) => {
    const { port } = await gateway(t, {
      targets: [await answering(t, 'HTTP/1.1 200 \xe9\r\nContent-Length: 0\r\n\r\n')],
    });
    assert.match(await new RawClient(t, port, GET).all(), /^HTTP\/1\.1 200 \r\n/);
  });

  test('trailers and informational answers are dropped', async (t) => {
    const informed = 'HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nTrailer: X-Sum\r\n';
    const bytes = `${informed}Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-Sum: 1\r\n\r\n`;
    const { port } = await gateway(t, { targets: [await answering(t, bytes)] });
    const answer = await new RawClient(t, port, GET).all();
    assert.match(answer, /^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\n2\r\nhi\r\n0\r\n\r\n$/);
    assert.doesNotMatch(answer, /Link|Trailer|X-Sum/i);
  });

  const bodiless: [sentence: string, method: string, head: string, kept: RegExp][] = [
    ['HEAD with a length', 'HEAD', '200 OK\r\nContent-Length: 5', /Content-Length: 5\r\n/],
    ['HEAD of a stream', 'HEAD', '200 OK\r\nTransfer-Encoding: chunked', /200 OK/],
    ['204', 'DELETE', '204 No Content', /204 No Content/],
    [
      '304 with a length',
      'GET',
      '304 Not Modified\r\nContent-Length: 5\r\nETag: "x"',
      /Content-Length: 5\r\nETag: "x"/,
    ],
  ];
  for (const [sentence, method, head, kept] of bodiless) {
    test(`${sentence} has no body, and the connection goes on`, async (t) => {
      const { port, ended } = await gateway(t, { targets: [await answering(t, `HTTP/1.1 ${head}\r\n\r\n`)] });
      const one = `${method} / HTTP/1.1\r\nHost: h\r\n`;
      const answers = await new RawClient(t, port, `${one}\r\n${one}Connection: close\r\n\r\n`).all();
      const [first, second, third] = answers.split(/(?=HTTP\/1\.1 )/);
      assert.match(first ?? '', kept);
      assert.match(second ?? '', kept);
      assert.equal(third, undefined);
      assert.match(first ?? '', /\r\n\r\n$/);
      assert.equal(await ended(0), 'complete');
    });
  }

  test('redirects are passed on', async (t) => {
    const bytes = 'HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n';
    const { url } = await gateway(t, { targets: [await answering(t, bytes)] });
    const answer = await fetch(url, { redirect: 'manual' });
    assert.equal(answer.headers.get('location'), 'http://127.0.0.1:1/');
  });

  test('headers that were set before do not cost repeated ones', async (t) => {
    const bytes = 'HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 0\r\n\r\n';
    const { url } = await gateway(t, { targets: [await answering(t, bytes)] }, {}, (response) => {
      response.setHeader('X-Before', '1');
    });
    const { headers } = await fetch(url);
    assert.deepEqual([headers.get('x-before'), headers.getSetCookie()], ['1', ['a=1', 'b=2']]);
  });
});

describe('a request arrives as it was sent', () => {
  /** What the upstream got, byte for byte. */
  async function upstreamSees(t: Parameters<typeof gateway>[0], sent: string, path = '/'): Promise<string> {
    let seen = '';
    const target = await rawUpstream(t, (socket) => {
      socket.setEncoding('latin1');
      socket.on('data', (chunk) => {
        seen += chunk;
        if (/^[\s\S]*?\r\n\r\n(?![\s\S]*chunked)|0\r\n\r\n$/.test(seen)) socket.end('HTTP/1.1 204 No Content\r\n\r\n');
      });
    });
    const { port } = await gateway(t, { targets: [target] }, { path });
    await new RawClient(t, port, sent).all();
    return seen;
  }

  test('a body that has come in two pieces by then', async (t) => {
    const [first, second] = ['a'.repeat(5000), 'b'.repeat(5000)];
    const target = await httpUpstream(t, async (request, response) => response.end(await text(request)));
    const hasCome = async (_: ServerResponse, request: IncomingMessage) => {
      while (request.readableLength < 10_000) await pause(5);
    };
    const { port } = await gateway(t, { targets: [target] }, {}, hasCome);
    const head = 'POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 10000\r\n\r\n';
    const client = new RawClient(t, port, head + first);
    await pause(50);
    client.socket.write(second);
    assert.ok((await client.all()).endsWith(`\r\n\r\n${first}${second}`));
  });

  test('path and query, to the letter', async (t) => {
    const path = "/a%2Fb/%C3%A9;x='y'?q=//x&r=%zz&s=http:/y|{}";
    assert.ok((await upstreamSees(t, GET, path)).startsWith(`GET ${path} HTTP/1.1\r\n`));
  });

  const framings: [sentence: string, sent: string, head: RegExp, body: RegExp][] = [
    ['no body is none', 'GET / HTTP/1.1\r\nHost: h\r\n', /^(?![\s\S]*(content-length|transfer-encoding))/i, /^$/],
    ['an empty POST', 'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n', /content-length: 0/i, /^$/],
    ['a length', 'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n|abc', /content-length: 3/i, /^abc$/],
    ['a GET with a body', 'GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n|abc', /content-length: 3/i, /^abc$/],
    [
      'a chunked DELETE (CVE-2026-29057)',
      'DELETE / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n|3\r\nabc\r\n0\r\n\r\n',
      /(transfer-encoding: chunked)|(content-length: 3)/i,
      /^(3\r\nabc\r\n0\r\n\r\n|abc)$/,
    ],
    [
      'a chunked OPTIONS that names its length in Connection',
      'OPTIONS / HTTP/1.1\r\nHost: h\r\nConnection: close, content-length, transfer-encoding\r\nTransfer-Encoding: chunked\r\n|3\r\nabc\r\n0\r\n\r\n',
      /(transfer-encoding: chunked)|(content-length: 3)/i,
      /^(3\r\nabc\r\n0\r\n\r\n|abc)$/,
    ],
    [
      'trailers end here',
      'PUT / HTTP/1.1\r\nHost: h\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n|3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n',
      /^(?![\s\S]*x-sum)/i,
      /^(3\r\nabc\r\n0\r\n\r\n|abc)$/,
    ],
  ];
  for (const [sentence, sent, head, body] of framings) {
    test(`framing: ${sentence}`, async (t) => {
      const [lines = '', content = ''] = sent.split('|');
      const closing = /^Connection/im.test(lines) ? '' : 'Connection: close\r\n';
      const [seenHead = '', ...seenBody] = (await upstreamSees(t, `${lines}${closing}\r\n${content}`)).split(
        '\r\n\r\n',
      );
      assert.match(seenHead, head);
      assert.match(seenBody.join('\r\n\r\n'), body);
      assert.ok(!(/content-length/i.test(seenHead) && /transfer-encoding/i.test(seenHead)));
    });
  }
});

describe('streams', () => {
  test('server-sent events arrive as they are sent, the head first', async (t) => {
    let send: (event: string) => void = () => {};
    const target = await httpUpstream(t, (_, response) => {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' }).flushHeaders();
      send = (event) => response.write(event);
    });
    const { port } = await gateway(t, { targets: [target] });
    const client = new RawClient(t, port, GET);
    assert.doesNotMatch(await client.until('\r\n\r\n'), /data:/);
    for (const event of ['data: 1\n\n', 'data: 2\n\n']) {
      send(event);
      await client.until(event);
    }
  });

  test('a request body arrives while it is being sent, and the answer with it', async (t) => {
    const target = await httpUpstream(t, (request, response) => request.pipe(response));
    const { port } = await gateway(t, { targets: [target] });
    const client = new RawClient(
      t,
      port,
      'POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n',
    );
    await client.until('one');
    client.socket.write('3\r\ntwo\r\n');
    await client.until('two');
    client.socket.write('0\r\n\r\n');
    await client.until('0\r\n\r\n');
  });

  test('a slow reader holds the upstream back', async (t) => {
    const { target, written } = await endlessUpstream(t);
    const { port } = await gateway(t, { targets: [target] });
    const client = connect(port, '127.0.0.1');
    t.after(() => client.destroy());
    client.pause();
    client.write(GET);
    const full = await settledValue(written);
    assert.ok(full > 0 && full < 32 * 1024 ** 2, `${full} bytes were taken from the upstream`);
    client.resume();
    await until(() => written() > full + 32 * 1024 ** 2);
  });

  test('a slow upstream holds the client back', async (t) => {
    let upstreamSocket: Socket | undefined;
    const target = await rawUpstream(t, (socket) => {
      upstreamSocket = socket.pause();
    });
    const { port } = await gateway(t, { targets: [target] }, { maxBodyBytes: 1024 ** 3 });
    const client = connect(port, '127.0.0.1');
    t.after(() => client.destroy());
    client.on('error', () => {});
    client.write(`PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: ${1024 ** 3}\r\n\r\n`);
    const written = pump(client);
    const full = await settledValue(written);
    assert.ok(full > 0 && full < 32 * 1024 ** 2, `${full} bytes were taken from the client`);
    upstreamSocket?.resume();
    await until(() => written() > full + 32 * 1024 ** 2);
  });
});

describe('max_body', () => {
  test('a length over it is refused before the upstream hears of it, and the connection goes on', async (t) => {
    let requests = 0;
    const target = await httpUpstream(t, (_, response) => {
      requests += 1;
      response.end('ok');
    });
    const { port, ended } = await gateway(t, { targets: [target] }, { maxBodyBytes: 3 });
    const client = new RawClient(t, port, 'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n');
    assert.match(await client.until('content_too_large'), /^HTTP\/1\.1 413 /);
    assert.equal(requests, 0);
    client.socket.write(`abcd${GET}`);
    assert.match(await client.all(), /HTTP\/1\.1 200 OK/);
    assert.deepEqual([await ended(0), await ended(1)], ['content_too_large', 'complete']);
  });

  test('of its very size is passed on', async (t) => {
    const target = await httpUpstream(t, (request, response) => request.pipe(response));
    const { url } = await gateway(t, { targets: [target] }, { maxBodyBytes: 3 });
    assert.equal(await (await fetch(url, { method: 'POST', body: 'abc' })).text(), 'abc');
  });

  test('chunks that outgrow it are refused, and the upstream is cut off', async (t) => {
    let cut = false;
    const target = await httpUpstream(t, (request) => {
      request.on('error', () => {
        cut = true;
      });
      request.resume();
    });
    const { port, ended } = await gateway(t, { targets: [target] }, { maxBodyBytes: 5 });
    const client = new RawClient(
      t,
      port,
      'POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n',
    );
    await pause(50);
    client.socket.write('3\r\ndef\r\n');
    assert.match(await client.until('content_too_large'), /^HTTP\/1\.1 413 /);
    assert.equal(await ended(0), 'content_too_large');
    await until(() => cut);
    client.socket.write(`0\r\n\r\n${GET}`);
    await client.until('413');
  });

  test('chunks that outgrow it after the answer has begun end the connection', async (t) => {
    const target = await httpUpstream(t, (request, response) => {
      response.write('begun');
      request.on('error', () => {}).resume();
    });
    const { port, ended } = await gateway(t, { targets: [target] }, { maxBodyBytes: 5 });
    const client = new RawClient(
      t,
      port,
      'POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n',
    );
    await client.until('begun');
    client.socket.write('3\r\ndef\r\n');
    assert.doesNotMatch(await client.all(), /0\r\n\r\n$/);
    assert.equal(await ended(0), 'cut_short');
  });

  test('an upstream is given up when somebody else has answered in the meantime', async (t) => {
    let closed = false;
    const target = await rawUpstream(t, (socket) => {
      socket.resume().once('close', () => {
        closed = true;
      });
    });
    const { url, ended } = await gateway(t, { targets: [target] }, {}, (response) => {
      setTimeout(() => response.writeHead(408).end(), 50);
    });
    assert.equal((await fetch(url)).status, 408);
    assert.equal(await ended(0), 'client_gone');
    while (!closed) await pause(5);
  });

  test('who goes on sending after the refusal is cut off in the end', async (t) => {
    const { port } = await gateway(t, { targets: ['http://127.0.0.1:9'] }, { maxBodyBytes: 3 });
    const client = new RawClient(t, port, `POST / HTTP/1.1\r\nHost: h\r\nContent-Length: ${1024 ** 4}\r\n\r\n`);
    const written = pump(client.socket);
    await client.until('413');
    const early = written();
    const started = performance.now();
    await client.all();
    assert.ok(written() > early);
    assert.ok(performance.now() - started < 7_000);
  });
});

describe('an answer that comes before the request is complete', () => {
  test('is finished, and the rest of the request discarded', async (t) => {
    const target = await answering(t, 'HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno');
    const { port, ended } = await gateway(t, { targets: [target] });
    const client = new RawClient(t, port, 'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\nabc');
    assert.match(await client.until('\r\n\r\nno'), /^HTTP\/1\.1 401 /);
    assert.equal(await ended(0), 'complete');
    client.socket.write(`def${GET}`);
    await until(() => client.received.split('HTTP/1.1 401').length === 3);
  });
});

describe('an upstream that fails before its answer', () => {
  const rows: [sentence: string, expected: string, accept: (socket: Socket) => void][] = [
    ['closes', 'bad_gateway', (socket) => socket.once('data', () => socket.end())],
    ['resets', 'bad_gateway', (socket) => socket.once('data', () => socket.resetAndDestroy())],
    [
      'closes inside the head',
      'bad_gateway',
      (socket) => socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nX:')),
    ],
    ['speaks no HTTP', 'bad_gateway', (socket) => socket.once('data', () => socket.end('SSH-2.0-OpenSSH_9.0\r\n'))],
    [
      'frames its body twice',
      'bad_gateway',
      (socket) =>
        socket.once('data', () =>
          socket.end('HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n'),
        ),
    ],
    [
      'names two lengths',
      'bad_gateway',
      (socket) =>
        socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab')),
    ],
    [
      'switches protocols unasked',
      'bad_gateway',
      (socket) =>
        socket.once('data', () =>
          socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n'),
        ),
    ],
    [
      'switches to nothing',
      'bad_gateway',
      (socket) => socket.once('data', () => socket.write('HTTP/1.1 101 Switching Protocols\r\n\r\n')),
    ],
    ['says nothing', 'gateway_timeout', () => {}],
  ];
  for (const [sentence, expected, accept] of rows) {
    for (const body of ['', 'abc']) {
      test(`${sentence}${body && ', with a body sent'}: ${expected}, and the connection goes on`, async (t) => {
        const target = await rawUpstream(t, accept);
        const { port, ended } = await gateway(t, { targets: [target], response_timeout: '300ms' });
        const post = `POST / HTTP/1.1\r\nHost: h\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
        const client = new RawClient(t, port, post);
        assert.match(await client.until(expected), /^HTTP\/1\.1 50[24] /);
        assert.equal(await ended(0), expected);
        client.socket.write(post);
        assert.equal(await ended(1), expected);
      });
    }
  }

  test('is not there: bad_gateway', async (t) => {
    const target = await rawUpstream(t, () => {});
    const port = Number(new URL(target).port);
    const { url } = await gateway(t, { targets: [`http://127.0.0.1:${port === 1 ? 2 : 1}`] });
    assert.equal((await fetch(url)).status, 502);
  });

  test('cannot be connected to in time: gateway_timeout', async (t) => {
    const { url } = await gateway(t, { targets: [await busyUpstream(t)], connect_timeout: '200ms' });
    assert.equal((await fetch(url)).status, 504);
  });

  test('does not read the request: gateway_timeout', async (t) => {
    const target = await rawUpstream(t, (socket) => socket.pause());
    const { port, ended } = await gateway(
      t,
      { targets: [target], response_timeout: '300ms' },
      { maxBodyBytes: 1024 ** 3 },
    );
    const client = new RawClient(t, port, `PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: ${1024 ** 3}\r\n\r\n`);
    pump(client.socket);
    assert.equal(await ended(0), 'gateway_timeout');
  });

  test('takes longer than its limit, which is none', async (t) => {
    const target = await httpUpstream(t, (_, response) => setTimeout(() => response.end('late'), 1500));
    const { url } = await gateway(t, { targets: [target], response_timeout: null });
    assert.equal(await (await fetch(url)).text(), 'late');
  });
});

describe('an upstream that fails inside its body never ends cleanly', () => {
  const chunked = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n';
  const counted = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi';
  const unlimited = 'HTTP/1.1 200 OK\r\n\r\nhi';
  const rows: [sentence: string, bytes: string, then: (socket: Socket) => void][] = [
    ['closes inside chunks', chunked, (socket) => socket.end()],
    ['resets inside chunks', chunked, (socket) => setTimeout(() => socket.resetAndDestroy(), 20)],
    ['resets what only the end would delimit', unlimited, (socket) => setTimeout(() => socket.resetAndDestroy(), 20)],
    ['closes before its length', counted, (socket) => socket.end()],
    ['breaks its chunks', chunked, (socket) => socket.write('zz\r\n')],
    ['falls silent', counted, () => {}],
  ];
  for (const [sentence, bytes, then] of rows) {
    test(sentence, async (t) => {
      const { port, ended } = await gateway(t, { targets: [await answering(t, bytes, then)], idle_timeout: '300ms' });
      const answer = await new RawClient(t, port, 'GET / HTTP/1.1\r\nHost: h\r\n\r\n').all();
      assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/);
      assert.doesNotMatch(answer, /0\r\n\r\n$/);
      assert.equal(await ended(0), 'cut_short');
    });
  }

  test('a body that only the end of the connection would delimit is reset', async (t) => {
    const { port, ended } = await gateway(t, { targets: [await answering(t, chunked, (socket) => socket.end())] });
    const client = new RawClient(t, port, 'GET / HTTP/1.0\r\nHost: h\r\n\r\n');
    const [error] = await once(client.socket, 'error');
    assert.equal((error as NodeJS.ErrnoException).code, 'ECONNRESET');
    assert.equal(await ended(0), 'cut_short');
  });

  test('a body that the end of the connection delimits is complete', async (t) => {
    const target = await answering(t, 'HTTP/1.1 200 OK\r\n\r\nhi', (socket) => socket.end());
    const { url, ended } = await gateway(t, { targets: [target] });
    assert.equal(await (await fetch(url)).text(), 'hi');
    assert.equal(await ended(0), 'complete');
  });
});

describe('an upstream that closes the connection behind its answer', () => {
  const body = Buffer.alloc(8 * 1024 ** 2, 'x');
  const heads: [sentence: string, head: string][] = [
    ['has told the length', `HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n`],
    ['has told no length', 'HTTP/1.1 200 OK\r\n\r\n'],
  ];
  for (const [sentence, head] of heads) {
    test(`is waited for by readers of any pace: it ${sentence}`, async (t) => {
      const target = await rawUpstream(t, (socket) => {
        socket.once('data', () => socket.write(head) && socket.end(body));
      });
      const { port, ended } = await gateway(t, { targets: [target] });
      const read = await Promise.all([0, 3, 10].map((pauseMs) => readSlowly(t, port, pauseMs)));
      for (const bytes of read) assert.ok(bytes >= body.length, `${bytes} bytes`);
      for (const index of read.keys()) assert.equal(await ended(index), 'complete');
    });
  }

  test('has broken it for a reader who was not done', async (t) => {
    const target = await rawUpstream(t, (socket) => {
      socket.once('data', () => {
        socket.write(`${heads[0]?.[1]}`);
        socket.write(body);
        setTimeout(() => socket.resetAndDestroy(), 100);
      });
    });
    const { port, ended } = await gateway(t, { targets: [target] });
    const client = connect(port, '127.0.0.1').on('error', () => {});
    t.after(() => client.destroy());
    client.pause();
    client.write(GET);
    await pause(300);
    client.resume();
    assert.equal(await ended(0), 'cut_short');
  });

  test('is not given up while a slow reader takes what it has sent', async (t) => {
    const target = await answering(t, 'HTTP/1.1 200 OK\r\n\r\n', (socket) => {
      socket.write(body);
      setTimeout(() => socket.end('the end'), 700);
    });
    const { port, ended } = await gateway(t, { targets: [target], idle_timeout: '500ms' });
    const client = connect(port, '127.0.0.1');
    t.after(() => client.destroy());
    client.pause();
    client.write(GET);
    await pause(400);
    assert.match(await text(client), /the end/);
    assert.equal(await ended(0), 'complete');
  });
});

describe('a client that leaves takes its upstream request along, within a second', () => {
  const rows: [sentence: string, request: string, upstream: string, when: string | undefined][] = [
    ['before the answer', 'GET / HTTP/1.1\r\nHost: h\r\n\r\n', '', undefined],
    ['inside the answer', 'GET / HTTP/1.1\r\nHost: h\r\n\r\n', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi', 'hi'],
    ['inside its request', 'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc', '', undefined],
    ['inside both', 'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc', 'HTTP/1.1 200 OK\r\n\r\nhi', 'hi'],
  ];
  for (const [sentence, request, upstream, when] of rows) {
    for (const leave of ['destroy', 'resetAndDestroy'] as const) {
      test(`${sentence}, by ${leave}`, async (t) => {
        const open = new Set<Socket>();
        const target = await rawUpstream(t, (socket) => {
          socket.once('close', () => open.delete(socket));
          socket.once('data', () => {
            open.add(socket);
            socket.write(upstream);
          });
        });
        const { port, ended } = await gateway(t, { targets: [target] });
        const client = new RawClient(t, port, request);
        await until(() => open.size === 1);
        if (when !== undefined) await client.until(when);
        client.socket[leave]();
        await until(() => open.size === 0, 1000);
        assert.equal(await ended(0), 'client_gone');
      });
    }
  }

  test('one that reads nothing has left, too', async (t) => {
    const { target } = await endlessUpstream(t);
    const { port, ended } = await gateway(t, { targets: [target], idle_timeout: '500ms' });
    const client = connect(port, '127.0.0.1');
    t.after(() => client.destroy());
    client.pause();
    client.write(GET);
    assert.equal(await ended(0), 'client_gone');
  });
});

/** An upstream whose answers tell which of its connections they came on, counted from 1. */
async function countingUpstream(t: Parameters<typeof gateway>[0], answer = (response: ServerResponse) => response) {
  const sockets: Socket[] = [];
  return httpUpstream(t, (request, response) => {
    if (!sockets.includes(request.socket)) sockets.push(request.socket);
    const connection = sockets.indexOf(request.socket) + 1;
    request.resume().on('end', () => answer(response).end(`${connection}`));
  });
}

describe('a connection to the upstream', () => {
  test('is used again', async (t) => {
    const { url } = await gateway(t, { targets: [await countingUpstream(t)] });
    for (const body of ['a', 'b', 'c', 'd'])
      assert.equal(await (await fetch(url, { method: 'POST', body })).text(), '1');
  });

  test('is used again before others that have waited for longer', async (t) => {
    const { url } = await gateway(t, { targets: [await countingUpstream(t)] });
    const many = await Promise.all([1, 2, 3].map(async () => (await fetch(url)).text()));
    assert.deepEqual(many.sort(), ['1', '2', '3']);
    const last = await (await fetch(url)).text();
    for (let times = 0; times < 3; times += 1) assert.equal(await (await fetch(url)).text(), last);
  });

  test('is another one after the upstream has closed it', async (t) => {
    const target = await countingUpstream(t, (response) => response.setHeader('Connection', 'close'));
    const { url } = await gateway(t, { targets: [target] });
    for (const connection of ['1', '2', '3']) assert.equal(await (await fetch(url)).text(), connection);
  });

  test('is another one after a request that failed', async (t) => {
    const bodies = ['1', 'broken', '2'];
    const target = await countingUpstream(t, (response) => {
      if (bodies.shift() === 'broken') response.destroy();
      return response;
    });
    const { url } = await gateway(t, { targets: [target] });
    assert.equal(await (await fetch(url)).text(), '1');
    assert.equal((await fetch(url)).status, 502);
    assert.equal(await (await fetch(url)).text(), '2');
  });
});

test('targets take turns', async (t) => {
  const targets = [];
  for (const name of ['a', 'b', 'c']) targets.push(await httpUpstream(t, (_, response) => response.end(name)));
  const { url } = await gateway(t, { targets });
  const answers = [];
  for (let round = 0; round < 6; round += 1) answers.push(await (await fetch(url)).text());
  assert.equal(answers.join(''), 'abcabc');
});

test('hundreds of requests at once, their bodies echoed, none mixed up', async (t) => {
  const target = await httpUpstream(t, (request, response) => request.pipe(response));
  const { port } = await gateway(t, { targets: [target] });
  const agent = new Agent({ keepAlive: true, maxSockets: 50 });
  t.after(() => agent.destroy());
  const echo = async (index: number) => {
    const body = `${index}:`.repeat(20_000);
    const request = httpRequest({ port, host: '127.0.0.1', agent, method: 'POST' });
    request.end(body);
    const [answer] = (await once(request, 'response')) as [IncomingMessage];
    assert.equal((await text(answer)) === body, true);
  };
  await Promise.all(Array.from({ length: 300 }, (_, index) => echo(index)));
});

/** All bytes of an answer, read with a pause behind each piece for as long as 2 MB; then at once. */
async function readSlowly(t: Parameters<typeof gateway>[0], port: number, pauseMs: number): Promise<number> {
  const client = connect(port, '127.0.0.1');
  t.after(() => client.destroy());
  client.write(GET);
  let bytes = 0;
  for await (const piece of client) {
    bytes += piece.length;
    if (bytes < 2 * 1024 ** 2) await pause(pauseMs);
  }
  return bytes;
}

/** An upstream that writes for as long as anybody takes it, and how many bytes it could write. */
async function endlessUpstream(t: Parameters<typeof gateway>[0]) {
  let written = () => 0;
  const target = await rawUpstream(t, (socket) => {
    socket.once('data', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      written = pump(socket);
    });
  });
  return { target, written: () => written() };
}

/** An upstream so busy that it accepts no connection: another process, asleep, whose queue is full. Returns its URL. */
async function busyUpstream(t: Parameters<typeof gateway>[0]): Promise<string> {
  const script = `
    const server = require('node:net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
      require('node:fs').writeSync(1, String(server.address().port));
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    });`;
  const sleeper = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => sleeper.kill('SIGKILL'));
  const [output] = await once(sleeper.stdout, 'data');
  for (let index = 0; index < 4; index += 1) {
    const socket = connect(Number(output), '127.0.0.1').on('error', () => {});
    t.after(() => socket.destroy());
  }
  await pause(100);
  return `http://127.0.0.1:${output}`;
}

/** Writes to `socket` for as long as it takes it; returns how many bytes have left this process. */
function pump(socket: Socket): () => number {
  const chunk = Buffer.alloc(64 * 1024, 'x');
  const more = () => {
    while (!socket.destroyed && socket.write(chunk));
  };
  socket.on('drain', more);
  more();
  return () => socket.bytesWritten - socket.writableLength;
}

/** The value once it has not changed for a while. */
async function settledValue(value: () => number): Promise<number> {
  for (;;) {
    const before = value();
    await pause(200);
    if (before > 0 && value() === before) return before;
  }
}

async function until(condition: () => boolean, timeoutMs = 10_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!condition()) {
    assert.ok(performance.now() < deadline, 'it did not happen in time');
    await pause(5);
  }
}
