import { networkOf } from './client-address.ts';

/** A request that is refused, or a large piece of a body, takes one to two tenths of a millisecond. */
const STEPS_PER_TICK = 4;

/** A request that is begun, or a piece of a body that is moved. It returns false if that is not wanted any more. */
export type Step = () => unknown;

/** Takes a step of somebody whose address is known, as `Turns.run` does. */
export type InTurn = (step: Step) => void;

/**
 * Shares the event loop out. So many steps are taken in a tick of the loop at most, for nobody else gets an answer until the
 * tick is over; those beyond wait, and the addresses that they come from take turns. Who has a thousand connections waits for
 * his own, and others hardly for him.
 */
export class Turns {
  readonly #stepsPerTick: number;
  /** Steps that may still be taken in this tick; none as long as somebody waits. */
  #left: number;
  #tick = 0;
  #waiting = 0;
  /** By address (IPv6 by /64). The first has the next turn, and its first step is taken then. */
  readonly #lines = new Map<string, Step[]>();

  constructor(stepsPerTick = STEPS_PER_TICK) {
    this.#stepsPerTick = stepsPerTick;
    this.#left = stepsPerTick;
  }

  /** A number for the tick of the moment. Ticks in which nobody had to wait share one. */
  get tick(): number {
    return this.#tick;
  }

  /** How many steps wait. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Whether a step may be taken at once. It then counts as taken; otherwise it has to `wait`. */
  take(): boolean {
    if (this.#left === 0) return false;
    this.#left -= 1;
    if (this.#left === 0) setImmediate(this.#next);
    return true;
  }

  /** Takes a step, at once or when the turn of its address comes. */
  run(address: string, step: Step): void {
    if (this.take()) step();
    else this.wait(address, step);
  }

  /** For the steps of one address. */
  of(address: string): InTurn {
    return (step) => this.run(address, step);
  }

  /** Takes a step when the turn of its address comes. */
  wait(address: string, step: Step): void {
    const network = address.includes(':') ? networkOf(address) : address;
    const line = this.#lines.get(network);
    if (line) line.push(step);
    else this.#lines.set(network, [step]);
    this.#waiting += 1;
  }

  readonly #next = (): void => {
    this.#tick += 1;
    let left = this.#stepsPerTick;
    // Who has more to do comes to the end of the map, and is met there again.
    for (const [network, line] of this.#lines) {
      if (left === 0) break;
      if (this.#takeFirst(line)) left -= 1;
      this.#lines.delete(network);
      if (line.length > 0) this.#lines.set(network, line);
    }
    this.#left = left;
    if (left === 0) setImmediate(this.#next);
  };

  /** Takes the first step that is still wanted. @returns whether there was one */
  #takeFirst(line: Step[]): boolean {
    for (let step = line.shift(); step; step = line.shift()) {
      this.#waiting -= 1;
      if (step() !== false) return true;
    }
    return false;
  }
}
