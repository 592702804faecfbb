import { networkOf } from './client-address.ts';

/** A request that is refused, or a large piece of a body, takes one to three tenths of a millisecond. */
const STEPS_PER_TICK = 4;

/** Takes a step of somebody whose address is known, as `Turns.run` does. */
export type InTurn = (step: () => void) => void;

/**
 * Shares the event loop out. A step is a request that is begun, or a piece of a body that is moved. So many are taken in a
 * tick of the loop at most, for nobody else gets an answer until the tick is over; those beyond wait, and the addresses that
 * they come from take turns. Who has a thousand connections waits for his own, and others hardly for him.
 */
export class Turns {
  readonly #stepsPerTick: number;
  /** Steps that may still be taken in this tick; none as long as somebody waits. */
  #left: number;
  #tick = 0;
  /** What waits, by address (IPv6 by /64); the first has the next turn. */
  readonly #waiting = new Map<string, Set<() => void>>();

  constructor(stepsPerTick = STEPS_PER_TICK) {
    this.#stepsPerTick = stepsPerTick;
    this.#left = stepsPerTick;
  }

  /** A number for the tick of the moment. Ticks in which nobody had to wait share one. */
  get tick(): number {
    return this.#tick;
  }

  /** Whether who comes now has to wait. */
  get areTaken(): boolean {
    return this.#left === 0;
  }

  /** Whether a step may be taken at once. It then counts as taken; otherwise it has to `wait`. */
  take(): boolean {
    if (this.areTaken) return false;
    this.#left -= 1;
    if (this.#left === 0) setImmediate(this.#next);
    return true;
  }

  /** Takes a step, at once or when the turn of its address comes. */
  run(address: string, step: () => void): void {
    if (this.take()) step();
    else this.wait(address, step);
  }

  /** Takes a step when the turn of its address comes. @returns what gives it up, if it was not taken */
  wait(address: string, step: () => void): () => void {
    const network = networkOf(address);
    const steps = this.#waiting.get(network) ?? new Set();
    this.#waiting.set(network, steps.add(step));
    return () => {
      if (steps.delete(step) && steps.size === 0) this.#waiting.delete(network);
    };
  }

  readonly #next = (): void => {
    this.#tick += 1;
    let left = this.#stepsPerTick;
    // An address that has more to do comes to the end of the map, and is met there again.
    for (const [network, steps] of this.#waiting) {
      if (left === 0) break;
      left -= 1;
      this.#waiting.delete(network);
      this.#takeFirst(network, steps);
    }
    this.#left = left;
    if (left === 0) setImmediate(this.#next);
  };

  #takeFirst(network: string, steps: Set<() => void>): void {
    const [step] = steps;
    if (step === undefined) return;
    steps.delete(step);
    if (steps.size > 0) this.#waiting.set(network, steps);
    step();
  }
}
