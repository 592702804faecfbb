import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import type { Dispatcher } from 'undici';
import { buildConnector } from '../../src/proxy/undici.ts';
import { UpstreamTarget } from '../../src/proxy/upstream-target.ts';
import { pause, rawUpstream } from './stage.ts';

describe('a connection that is paused while the server ends it tells the end with resume', () => {
  const rows: [sentence: string, answer: string, expected: string][] = [
    ['behind a body that has a length', 'Connection: close\r\nContent-Length: 5\r\n\r\nhello', 'hello, complete'],
    [
      'behind chunks',
      'Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
      'hello, complete',
    ],
    ['behind a body that only this ends', '\r\nhello', 'hello, complete'],
    ['inside a body that has a length', 'Connection: close\r\nContent-Length: 9\r\n\r\nhello', 'hello, failed'],
    ['inside chunks', 'Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhello', 'hello, failed'],
  ];
  for (const [sentence, answer, expected] of rows) {
    test(sentence, async (t) => {
      const closed: Promise<unknown>[] = [];
      const url = await rawUpstream(t, (socket) => {
        socket.once('data', () => {
          // The body in a read of its own, so that what holds the connection is not what is read first.
          const head = answer.indexOf('\r\n\r\n') + 4;
          socket.write(`HTTP/1.1 200 OK\r\n${answer.slice(0, head)}`);
          setTimeout(() => socket.end(answer.slice(head)), 20);
          closed.push(once(socket, 'finish'));
        });
      });
      const target = new UpstreamTarget(new URL(url), { connect: buildConnector({}), bodyTimeout: 0 });
      t.after(() => target.close());
      const connection = target.connection();
      const received = new Promise<string>((resolve) => {
        let text = '';
        const handler: Dispatcher.DispatchHandler = {
          onRequestStart: () => {},
          onResponseStart: () => {},
          onResponseData: (_, chunk) => {
            text += chunk.toString();
            connection.pause();
          },
          onResponseEnd: () => resolve(`${text}, complete`),
          onResponseError: () => resolve(`${text}, failed`),
        };
        connection.dispatch({ method: 'GET', path: '/' }, handler);
      });
      await pause(100);
      await Promise.all(closed);
      connection.resume();
      assert.equal(await received, expected);
    });
  }
});
