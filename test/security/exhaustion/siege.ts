import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** What each of many connections does, all at once. */
export interface Behaviour {
  readonly connections: number;
  /** They are opened bit by bit in this time, and not all at once. */
  readonly openedInMs?: number;
  /** Where they come from, in turn. */
  readonly addresses?: readonly string[];
  /** Sent at once. */
  readonly opening: string;
  /** Sent again and again after it. */
  readonly drip?: string;
  readonly everyMs?: number;
  /** The opening is sent again after each answer. */
  readonly repeats?: boolean;
  /** Nothing that comes is read. */
  readonly isDeaf?: boolean;
}

const TURN_MS = 10;

/** Connections that want to use the gateway up. */
export class Siege {
  readonly #sockets = new Set<Socket>();
  readonly #statuses = new Map<number, number>();
  #begun = 0;
  readonly #port: number;
  readonly #behaviour: Behaviour;
  #stopped = false;

  constructor(url: string, behaviour: Behaviour) {
    this.#port = Number(new URL(url).port);
    this.#behaviour = behaviour;
    void this.#open();
  }

  async #open(): Promise<void> {
    const { connections, openedInMs = 0 } = this.#behaviour;
    const turns = Math.max(1, openedInMs / TURN_MS);
    for (let opened = 0, turn = 1; opened < connections && !this.#stopped; turn += 1) {
      for (; opened < (connections * turn) / turns && opened < connections; opened += 1) this.#connect(opened);
      if (opened < connections) await delay(TURN_MS);
    }
  }

  /** How many connections are open, or being opened. */
  get open(): number {
    return this.#sockets.size;
  }

  /** How many connections have begun to do what they are there for. */
  get begun(): number {
    return this.#begun;
  }

  /** How often each status was answered. */
  get statuses(): Readonly<Record<number, number>> {
    return Object.fromEntries(this.#statuses);
  }

  stop(): void {
    this.#stopped = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  #connect(index: number): void {
    const { opening, drip, everyMs, repeats, isDeaf, addresses = ['127.0.0.1'] } = this.#behaviour;
    const localAddress = addresses[index % addresses.length];
    const socket = connect({ host: '127.0.0.1', port: this.#port, ...(localAddress && { localAddress }) }, () => {
      this.#begun += 1;
      socket.write(opening);
      if (drip) dripping = setInterval(() => socket.writableNeedDrain || socket.write(drip), everyMs);
    });
    let dripping: NodeJS.Timeout | undefined;
    this.#sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => {
      clearInterval(dripping);
      this.#sockets.delete(socket);
    });
    if (isDeaf) return;
    socket.setEncoding('latin1').on('data', (text) => {
      const [, status] = /HTTP\/1\.1 (\d{3}) /.exec(String(text)) ?? [];
      if (status === undefined) return;
      this.#statuses.set(Number(status), (this.#statuses.get(Number(status)) ?? 0) + 1);
      if (repeats) socket.write(opening);
    });
  }
}

const GET = 'GET /open HTTP/1.1\r\nHost: x\r\n';
const POST = 'POST /open HTTP/1.1\r\nHost: x\r\n';
const FORM = 'Content-Type: application/x-www-form-urlencoded\r\n';
const LOGIN = 'grant_type=password&username=ann&password=wrong';
const CHUNK = `4000\r\n${'a'.repeat(0x4000)}\r\n`;

/** By what they want to use up; the number of connections is up to who besieges. */
export const BEHAVIOURS = {
  'slow headers': { opening: GET, drip: 'A: b\r\n', everyMs: 300 },
  'slow bodies': { opening: `${POST}Content-Length: 60000\r\n\r\n`, drip: 'a', everyMs: 300 },
  'slow forms': {
    opening: `POST /token HTTP/1.1\r\nHost: x\r\n${FORM}Content-Length: 6000\r\n\r\n`,
    drip: 'a',
    everyMs: 300,
  },
  'readers of nothing': { opening: `${GET.replace('/open', '/endless')}\r\n`, isDeaf: true },
  'too many headers': { opening: `${GET}${`A: ${'b'.repeat(100)}\r\n`.repeat(1000)}\r\n` },
  'endless bodies': { opening: `${POST}Transfer-Encoding: chunked\r\n\r\n`, drip: CHUNK, everyMs: 5 },
  'endless forms': {
    opening: `POST /token HTTP/1.1\r\nHost: x\r\n${FORM}Transfer-Encoding: chunked\r\n\r\n`,
    drip: CHUNK,
    everyMs: 5,
  },
  'idle connections': { opening: `${GET}\r\n` },
  'wrong logins': {
    opening: `POST /token HTTP/1.1\r\nHost: x\r\nAuthorization: Basic d2ViOjdkZTMxNjI4OGI0ZWIxZDU3ZWE1YTE5MGFiYmVjNjhi\r\n${FORM}Content-Length: ${LOGIN.length}\r\n\r\n${LOGIN}`,
    repeats: true,
  },
  'bad tokens': {
    opening: `${GET.replace('/open', '/closed')}Authorization: Bearer eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9.e30.AAAA\r\n\r\n`,
    repeats: true,
  },
  'unknown paths': { opening: `${GET.replace('/open', '/unknown')}\r\n`, repeats: true },
} as const satisfies Record<string, Omit<Behaviour, 'connections'>>;

export type BehaviourName = keyof typeof BEHAVIOURS;
