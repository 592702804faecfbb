import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** What a server does to who connects: as it should; nothing at all; or what broken ones do. */
export type Fault =
  | 'none'
  | 'silent'
  | 'drips'
  | 'resets'
  | 'answers half'
  | 'answers half and ends'
  | 'answers nonsense';

/** A byte each time: no answer is whole before a time-out of the tests. */
const DRIP_MS = 50;

export interface FaultyServer {
  readonly port: number;
  fault: Fault;
  /** Connections that came in so far. */
  readonly connections: number;
  /** Ends all connections. */
  drop(): void;
  stop(): Promise<void>;
}

/** Stands before a real server, on a port of its own, and breaks what passes when it is told to: new connections and old. */
export async function startFaultyServer(realPort: number): Promise<FaultyServer> {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    faulty.connections += 1;
    const real = connect(realPort, '127.0.0.1');
    for (const socket of [client, real]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => sockets.delete(socket));
    }
    client.on('close', () => real.destroy());
    real.on('close', () => faulty.fault === 'none' && client.destroy());
    client.on('data', (bytes) => disturb(faulty.fault, client) || real.write(bytes));
    real.on('data', (bytes) => pass(faulty.fault, bytes, client));
    disturb(faulty.fault, client);
  });
  const faulty = {
    port: 0,
    fault: 'none' as Fault,
    connections: 0,
    drop: () => {
      for (const socket of sockets) socket.destroy();
    },
    stop: async () => {
      faulty.drop();
      server.close();
      await once(server, 'close');
    },
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  faulty.port = (server.address() as AddressInfo).port;
  return faulty;
}

/** @returns whether what the client sent goes nowhere. */
function disturb(fault: Fault, client: Socket): boolean {
  if (fault === 'resets') client.resetAndDestroy();
  if (fault === 'answers nonsense') client.write(Buffer.alloc(64, 'nonsense'));
  return fault === 'silent' || fault === 'resets' || fault === 'answers nonsense';
}

function pass(fault: Fault, bytes: Buffer, client: Socket): void {
  if (fault === 'none') client.write(bytes);
  if (fault === 'drips') void drip(bytes, client);
  if (fault.startsWith('answers half')) client.write(bytes.subarray(0, Math.ceil(bytes.length / 2)));
  if (fault === 'answers half and ends') client.end();
}

async function drip(bytes: Buffer, client: Socket): Promise<void> {
  for (const byte of bytes) {
    if (client.destroyed) return;
    client.write(Buffer.of(byte));
    await delay(DRIP_MS);
  }
}
