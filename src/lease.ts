import { isDeepStrictEqual } from 'node:util';

/** What a part is made from. Where all of it is the same, the part is. */
export interface Origin {
  /** Parts of different kinds or names are never the same. */
  readonly name: string;
  /** Plain data, compared value by value. */
  readonly config: unknown;
  /** Other parts, and whatever else there is one of. */
  readonly uses?: readonly object[];
}

interface SharedPart {
  readonly origin: Origin;
  readonly part: unknown;
  readonly close: () => unknown;
  holders: number;
}

/**
 * What is opened for a configuration: connections, threads, memories. The next configuration takes over what it would
 * open in the same way, and a part is closed when the last that holds it lets go.
 */
export class SharedParts {
  readonly #parts = new Set<SharedPart>();

  lease(): Lease {
    return new Lease(this.#parts);
  }

  /** Closes all parts, whoever holds them; the last that was opened comes first, for it may use the others. */
  async close(): Promise<void> {
    const parts = [...this.#parts].reverse();
    this.#parts.clear();
    for (const { close } of parts) await close();
  }
}

/** The parts that one configuration holds. */
export class Lease {
  readonly #parts: Set<SharedPart>;
  readonly #held: SharedPart[] = [];

  constructor(parts: Set<SharedPart>) {
    this.#parts = parts;
  }

  /** The part that there is of this origin, or else a new one. */
  async open<Part>(
    origin: Origin,
    open: () => Part | Promise<Part>,
    close: (part: Part) => unknown = () => {},
  ): Promise<Part> {
    const known = [...this.#parts].find((shared) => isSame(shared.origin, origin));
    if (known) {
      this.#hold(known);
      return known.part as Part;
    }
    const part = await open();
    const opened = { origin, part, close: () => close(part), holders: 0 };
    this.#parts.add(opened);
    this.#hold(opened);
    return part;
  }

  /** Lets go of all, and closes what nobody else holds. */
  async end(): Promise<void> {
    for (const shared of this.#held.splice(0).reverse()) {
      shared.holders -= 1;
      if (shared.holders === 0 && this.#parts.delete(shared)) await shared.close();
    }
  }

  #hold(shared: SharedPart): void {
    shared.holders += 1;
    this.#held.push(shared);
  }
}

function isSame(one: Origin, other: Origin): boolean {
  const [uses, others] = [one.uses ?? [], other.uses ?? []];
  return (
    one.name === other.name &&
    uses.length === others.length &&
    uses.every((used, index) => used === others[index]) &&
    isDeepStrictEqual(one.config, other.config)
  );
}
