import { GatewayError, unavailable } from '../errors.ts';

const MAX_WAITING = 1000;
/** With less than this part of its time left, a call would only burden what is slow already. */
const USEFUL_PART = 0.1;

/** How long a call may take. */
export interface Time {
  /** Aborted when the time is up. What a call holds has to be let go then. */
  readonly signal: AbortSignal;
  /** When it is up, as `performance.now()` counts. */
  readonly endMs: number;
}

/** Calls to something that others run: at most `concurrency` at once, each with its time-out, the wait for its turn included. */
export class BoundedCalls {
  readonly #timeoutMs: number;
  readonly #concurrency: number;
  readonly #running = new Set<Time>();
  readonly #waiting = new Map<Time, () => void>();

  constructor({ timeout, concurrency }: { readonly timeout: number; readonly concurrency: number }) {
    this.#timeoutMs = timeout;
    this.#concurrency = concurrency;
  }

  /** @throws GatewayError `temporarily_unavailable`, whatever the call throws, and when the time is up or too many wait. */
  async run<Answer>(call: (time: Time) => Promise<Answer>): Promise<Answer> {
    const endMs = performance.now() + this.#timeoutMs;
    try {
      return await within(this.#timeoutMs, (signal) => this.#inTurn({ signal, endMs }, call));
    } catch (error) {
      throw error instanceof GatewayError ? error : unavailable(error);
    }
  }

  async #inTurn<Answer>(time: Time, call: (time: Time) => Promise<Answer>): Promise<Answer> {
    // A call that goes on beyond its time does not keep its place: it might never end.
    time.signal.addEventListener('abort', () => this.#leave(time));
    try {
      await this.#enter(time);
      const leftMs = time.endMs - performance.now();
      if (leftMs < this.#timeoutMs * USEFUL_PART) throw new Error('its turn came too late');
      return await call(time);
    } finally {
      this.#leave(time);
    }
  }

  async #enter(time: Time): Promise<void> {
    if (this.#running.size < this.#concurrency) {
      this.#running.add(time);
      return;
    }
    if (this.#waiting.size >= MAX_WAITING) throw new Error('too many logins wait for this user store');
    await new Promise<void>((resolve) => this.#waiting.set(time, resolve));
  }

  /** The place is handed on at once, or somebody else could take it before who waited for it runs. */
  #leave(time: Time): void {
    this.#waiting.delete(time);
    if (!this.#running.delete(time)) return;
    const [next] = this.#waiting;
    if (!next) return;
    const [waited, enter] = next;
    this.#waiting.delete(waited);
    this.#running.add(waited);
    enter();
  }
}

/** What the call gives within `ms`. @throws Error when it gives nothing by then; its signal is aborted first. */
export async function within<Answer>(ms: number, call: (signal: AbortSignal) => Promise<Answer>): Promise<Answer> {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const error = new Error(`no answer within ${Math.round(ms)} ms`);
      controller.abort(error);
      reject(error);
    }, ms);
  });
  try {
    return await Promise.race([call(controller.signal), late]);
  } finally {
    clearTimeout(timer);
  }
}
