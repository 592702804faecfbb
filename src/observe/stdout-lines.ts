import { type DestinationStream, pino } from 'pino';

/** How long a line may wait for others. */
const BATCH_MS = 10;
/** What waits for a reader of stdout that is too slow; lines beyond it are lost. */
const MOST_WAITING_BYTES = 64 * 1024 ** 2;

/**
 * Writes the lines of a moment at once, for a write costs more than the line. No write is waited for, so that a slow reader
 * does not stop the gateway. Nothing is lost when the process ends, by an exception too; who kills it loses the last moment.
 */
export class StdoutLines implements DestinationStream {
  readonly #stdout = pino.destination({ dest: 1, sync: false, maxLength: MOST_WAITING_BYTES });
  #waiting = '';
  #timer: NodeJS.Timeout | undefined;

  constructor() {
    // Behind pino's own listener, which writes what was handed over before.
    process.once('exit', () => {
      if (this.#waiting !== '') pino.destination({ dest: 1, sync: true }).write(this.#waiting);
    });
  }

  write(line: string): void {
    this.#waiting += line;
    this.#timer ??= setTimeout(() => this.#handOver(), BATCH_MS);
  }

  #handOver(): void {
    this.#timer = undefined;
    this.#stdout.write(this.#waiting);
    this.#waiting = '';
  }
}
