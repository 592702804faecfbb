import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import type { InTurn, Pace } from '../limits/turns.ts';
import type { Exchange } from './exchange.ts';

/** For how long a client may go on sending a body that nobody reads any more, before its connection is closed. */
const LINGER_MS = 5_000;
/** How much of it is read until then. */
const LINGER_BYTES = 1024 ** 2;

/**
 * A request's body on its way to the upstream, with back-pressure and a limit.
 *
 * undici gets this and not the request itself, for it destroys the stream that it was given and takes the socket from
 * the request, while the response is still to be written there.
 */
export class RequestBody extends Readable {
  readonly #request: IncomingMessage;
  readonly #exchange: Pick<Exchange, 'maxBodyBytes' | 'clientAddress'>;
  readonly #pace: Pace;
  readonly #tooLarge: () => void;
  #bytes = 0;

  constructor(
    request: IncomingMessage,
    exchange: Pick<Exchange, 'maxBodyBytes' | 'clientAddress'>,
    pace: Pace,
    tooLarge: () => void,
  ) {
    super();
    this.#request = request;
    this.#exchange = exchange;
    this.#pace = pace;
    this.#tooLarge = tooLarge;
    request.on('data', this.#take).on('end', this.#end);
  }

  override _read(): void {
    // A body that comes in one piece waits for nobody.
    if (this.#request.isPaused()) this.#pace.turns.run(this.#exchange.clientAddress, this.#resume);
    else this.#request.resume();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#request.off('data', this.#take).off('end', this.#end);
    discardRest(this.#request, this.#pace.discards.of(this.#exchange.clientAddress));
    callback(error);
  }

  readonly #resume = () => !this.destroyed && this.#request.resume();

  readonly #take = (chunk: Buffer): void => {
    this.#bytes += chunk.length;
    if (this.#bytes > this.#exchange.maxBodyBytes) this.#tooLarge();
    else if (!this.push(chunk)) this.#request.pause();
  };

  readonly #end = (): void => {
    this.push(null);
  };
}

/** Whose rest somebody throws away already. */
const discarded = new WeakSet<IncomingMessage>();

/**
 * Reads on and throws away what a client still sends after its request was answered. Closing the connection at once
 * would reset it, and the client might lose the answer unread (RFC 9112 §9.6); keeping it open for good would let it
 * send forever. A client that stops in time, and before it has sent too much, keeps its connection.
 */
export function discardRest(request: IncomingMessage, inTurn: InTurn): void {
  if (discarded.has(request)) return;
  request.resume();
  if (request.complete || request.destroyed) return;
  discarded.add(request);
  const { socket } = request;
  const linger = setTimeout(() => socket.destroy(), LINGER_MS);
  request.once('close', () => clearTimeout(linger));
  let bytes = 0;
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    request.pause();
    if (bytes <= LINGER_BYTES) inTurn(() => !request.destroyed && request.resume());
  });
}
