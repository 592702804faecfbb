import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import { OpenConnections } from '../../src/limits/open-connections.ts';

const [A, B, PROXY] = ['127.0.0.1', '127.0.0.2', '127.0.0.3'];
const LIMITS = { max_connections: 4, max_connections_per_address: 2, trusted_proxies: ['127.0.0.3/32'] };

describe('a connection is one too many', () => {
  const rows: [name: string, from: string[], exceeded: string | undefined][] = [
    ['not as the last that its address may have', [A, A], undefined],
    ['for its address', [A, A, A], 'max_connections_per_address'],
    ['not for another address', [A, A, B], undefined],
    ['for all', [A, A, B, B, A], 'max_connections'],
    ['not for a trusted proxy', [PROXY, PROXY, PROXY, PROXY], undefined],
    ['for all, from a trusted proxy too', [PROXY, PROXY, PROXY, PROXY, PROXY], 'max_connections'],
  ];
  for (const [name, from, exceeded] of rows) {
    test(name, async (context) => {
      const open = new OpenConnections(LIMITS);
      const added = await connections(context, open, from);
      assert.equal(added.at(-1)?.exceeded, exceeded);
    });
  }
});

test('one that closes makes room for its address', async (context) => {
  const open = new OpenConnections(LIMITS);
  const [first] = await connections(context, open, [A, A]);
  first?.socket.destroy();
  await once(first?.socket as Socket, 'close');
  const [next] = await connections(context, open, [A]);
  assert.equal(next?.exceeded, undefined);
});

test('limits may change; connections that are open count on', async (context) => {
  const open = new OpenConnections(LIMITS);
  await connections(context, open, [A, A]);
  open.use({ ...LIMITS, max_connections_per_address: 3 });
  const [third, fourth] = await connections(context, open, [A, A]);
  assert.deepEqual([third?.exceeded, fourth?.exceeded], [undefined, 'max_connections_per_address']);
});

/** Opened one after the other, as the server has them. */
async function connections(context: TestContext, open: OpenConnections, from: readonly string[]) {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  context.after(() => server.close());
  const added: { socket: Socket; exceeded: ReturnType<OpenConnections['add']> }[] = [];
  for (const localAddress of from) {
    const client = connect({ host: '127.0.0.1', port, localAddress });
    context.after(() => client.destroy());
    const [socket] = (await once(server, 'connection')) as [Socket];
    context.after(() => socket.destroy());
    added.push({ socket, exceeded: open.add(socket) });
  }
  return added;
}
