import { unavailable } from '../errors.ts';
import type { Entries, Script, Store } from './store.ts';

const MAX_ENTRIES = 1_000_000;
/** How many entries a new one makes us look at for expired ones: bounded work, and faster than entries can come. */
const SWEEP_STEP = 64;

/** The embedded store: one process, gone with it. A script runs to its end at once, so nothing comes between its steps. */
export class MemoryStore implements Store {
  readonly #entries: ExpiringEntries;

  constructor({ maxEntries = MAX_ENTRIES }: { maxEntries?: number } = {}) {
    this.#entries = new ExpiringEntries(maxEntries);
  }

  async run<Reply>(script: Script<Reply>, keys: readonly string[], args: readonly (string | number)[] = []) {
    const nowMs = Date.now();
    this.#entries.nowMs = nowMs;
    return script.embedded(this.#entries, keys, args.map(String), nowMs);
  }

  async ping(): Promise<void> {}

  async close(): Promise<void> {
    this.#entries.clear();
  }
}

interface Entry {
  readonly value: unknown;
  readonly expiresAtMs: number;
}

/** Values are copied in and out (`structuredClone`): changing one changes nothing here until it is `set` again. */
class ExpiringEntries implements Entries {
  /** The time of the script that runs. */
  nowMs = 0;
  readonly #maxEntries: number;
  readonly #kept = new Map<string, Entry>();
  /** Goes round and round through all entries; a Map's iterator sees what is added and deleted behind its back. */
  #sweeper = this.#kept.entries();

  constructor(maxEntries: number) {
    this.#maxEntries = maxEntries;
  }

  get<Value>(key: string): Value | undefined {
    const entry = this.#kept.get(key);
    if (entry === undefined) return undefined;
    if (!this.#isExpired(entry)) return structuredClone(entry.value) as Value;
    this.#kept.delete(key);
    return undefined;
  }

  set(key: string, value: unknown, ttlMs: number): void {
    if (!this.#kept.has(key)) this.#makeRoom();
    this.#kept.set(key, { value: structuredClone(value), expiresAtMs: this.nowMs + ttlMs });
  }

  delete(key: string): void {
    this.#kept.delete(key);
  }

  clear(): void {
    this.#kept.clear();
  }

  #makeRoom(): void {
    const steps = Math.min(SWEEP_STEP, this.#kept.size + 1);
    for (let step = 0; step < steps; step += 1) this.#sweepOne();
    if (this.#kept.size >= this.#maxEntries) {
      throw unavailable(new Error(`the embedded store holds its ${this.#maxEntries} entries`));
    }
  }

  #sweepOne(): void {
    const next = this.#sweeper.next();
    if (next.done) {
      this.#sweeper = this.#kept.entries();
    } else if (this.#isExpired(next.value[1])) {
      this.#kept.delete(next.value[0]);
    }
  }

  #isExpired(entry: Entry): boolean {
    return entry.expiresAtMs <= this.nowMs;
  }
}
