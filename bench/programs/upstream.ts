import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * The API behind the gateways, where nginx is not there or streams are wanted. Its argument is its port.
 *
 *     GET /stream/download?bytes=N       so many bytes
 *     POST /stream/upload                reads all, and answers how many bytes there were
 *     GET /stream/events?count=N&everyMs=M   server-sent events; each has the time at which it was sent, in ns (monotonic)
 *     anything else                      reads all, and answers 200 bytes, or as many as `?bytes=N` says
 */
createServer((request, response) => {
  const url = new URL(request.url ?? '/', 'http://upstream');
  const answer = ANSWERS[url.pathname] ?? answerBytes;
  answer(request, response, (name, otherwise) => Number(url.searchParams.get(name) ?? otherwise)).catch(() => {
    // The client has left, which is its right.
    response.destroy();
  });
}).listen(Number(process.argv[2]), '127.0.0.1');

type Answer = (
  request: IncomingMessage,
  response: ServerResponse,
  parameter: (name: string, otherwise: number) => number,
) => Promise<void>;

const CHUNK = Buffer.alloc(64 * 1024, 'x');

const ANSWERS: Readonly<Record<string, Answer>> = {
  '/stream/download': answerBytes,
  '/stream/upload': answerReceived,
  '/stream/events': sendEvents,
};

async function answerBytes(...[request, response, parameter]: Parameters<Answer>): Promise<void> {
  await readAll(request);
  const bytes = parameter('bytes', 200);
  response.writeHead(200, { 'Content-Type': 'application/octet-stream', 'Content-Length': bytes });
  for (let sent = 0; sent < bytes; sent += CHUNK.length) {
    if (!response.write(CHUNK.subarray(0, bytes - sent))) await drained(response);
  }
  response.end();
}

async function answerReceived(...[request, response]: Parameters<Answer>): Promise<void> {
  response.end(JSON.stringify({ bytes: await readAll(request) }));
}

async function sendEvents(...[, response, parameter]: Parameters<Answer>): Promise<void> {
  // nginx would collect them otherwise.
  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'X-Accel-Buffering': 'no' });
  for (let sent = 0; sent < parameter('count', 100); sent += 1) {
    response.write(`data: ${process.hrtime.bigint()}\n\n`);
    await delay(parameter('everyMs', 10));
  }
  response.end();
}

async function readAll(request: IncomingMessage): Promise<number> {
  let bytes = 0;
  for await (const chunk of request) bytes += (chunk as Buffer).length;
  return bytes;
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve, reject) => {
    response.once('drain', resolve);
    response.once('close', () => reject(new Error('the client has left')));
  });
}
