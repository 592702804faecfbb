import { networkOf } from './client-address.ts';

/** A request that is refused, or a large piece of a body, takes one to two tenths of a millisecond. */
const STEPS_PER_TICK = 4;

/** Async functions that may wait at once. Whoever they work for may have left, and asked again and again. */
const MOST_TO_COME = 1024;

/** A request that is begun, or a piece of a body that is moved. It returns false if that is not wanted any more. */
export type Step = () => unknown;

/** Takes a step of somebody whose address is known, as `Turns.run` does. */
export type InTurn = (step: Step) => void;

/** What waits of one network, in the order in which it came. */
interface Line {
  readonly network: string;
  readonly steps: Step[];
}

/**
 * Shares the event loop out. So many steps are taken in a tick of the loop at most, for nobody else gets an answer until the
 * tick is over; those beyond wait, and the addresses that they come from take turns. Who has a thousand connections waits for
 * his own, and others hardly for him.
 */
export class Turns {
  readonly #stepsPerTick: number;
  readonly #onNextTick: (next: () => void) => unknown;
  /** Steps that may still be taken in this tick; none as long as somebody waits. */
  #left: number;
  #tick = 0;
  #waiting = 0;
  /** By address (IPv6 by /64). */
  readonly #lines = new Map<string, Line>();
  /** The first has the next turn. A Map that changes with each turn would leave V8 its old tables to move about. */
  readonly #order: Line[] = [];

  /** @param onNextTick what calls when the next steps may be taken */
  constructor(stepsPerTick = STEPS_PER_TICK, onNextTick: (next: () => void) => unknown = setImmediate) {
    this.#stepsPerTick = stepsPerTick;
    this.#onNextTick = onNextTick;
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
    if (this.#left === 0) this.#onNextTick(this.#next);
    return true;
  }

  /** Takes a step, at once or when the turn of its address comes. */
  run(address: string, step: Step): void {
    if (this.take()) step();
    else this.wait(address, step);
  }

  /**
   * Settles when the turn of an address comes, for a step that is the rest of an async function; at once, where too many
   * wait already.
   */
  async come(address: string): Promise<void> {
    if (this.#waiting < MOST_TO_COME && !this.take()) await new Promise<void>((resolve) => this.wait(address, resolve));
  }

  /** For the steps of one address. */
  of(address: string): InTurn {
    return (step) => this.run(address, step);
  }

  /** Takes a step when the turn of its address comes. */
  wait(address: string, step: Step): void {
    const network = address.includes(':') ? networkOf(address) : address;
    const line = this.#lines.get(network);
    if (line) line.steps.push(step);
    else this.#begin({ network, steps: [step] });
    this.#waiting += 1;
  }

  readonly #next = (): void => {
    this.#tick += 1;
    let left = this.#stepsPerTick;
    while (left > 0 && this.#order.length > 0) if (this.#takeNext()) left -= 1;
    this.#left = left;
    if (left === 0) this.#onNextTick(this.#next);
  };

  #begin(line: Line): void {
    this.#lines.set(line.network, line);
    this.#order.push(line);
  }

  /** Takes the first step of the first line that is still wanted. @returns whether there was one */
  #takeNext(): boolean {
    const line = this.#order.shift();
    if (line === undefined) return false;
    const taken = this.#takeFirst(line.steps);
    if (line.steps.length > 0) this.#order.push(line);
    else this.#lines.delete(line.network);
    return taken;
  }

  /** Takes the first step that is still wanted. @returns whether there was one */
  #takeFirst(steps: Step[]): boolean {
    for (let step = steps.shift(); step; step = steps.shift()) {
      this.#waiting -= 1;
      if (step() !== false) return true;
    }
    return false;
  }
}

/** Whose turn it is, in all that this process does. */
export interface Pace {
  /** For requests, and for pieces of bodies that somebody waits for. */
  readonly turns: Turns;
  /** For what is read and thrown away. */
  readonly discards: Turns;
  /** For telling logins that they have failed. */
  readonly failures: Turns;
}

/**
 * Nobody waits for what is thrown away: that is one step a millisecond. Faster, a thousand connections that send without an
 * end would keep the garbage collector busy with what they have sent. Nor does a failed login need its answer at once: many
 * that came together fail together, and would try again together.
 */
export function createPace(): Pace {
  return { turns: new Turns(), discards: oneEachMillisecond(), failures: oneEachMillisecond() };
}

function oneEachMillisecond(): Turns {
  return new Turns(1, (next) => setTimeout(next, 1));
}
