const MAX_WAITING = 64;

/** What is done beside logins, and nobody waits for: one task at a time, and few wait. */
export class BackgroundTasks {
  #waiting: (() => Promise<void>)[] = [];
  #running: Promise<void> | undefined;

  /**
   * Begins the task in its turn; it must not throw.
   * @returns false when too many wait already, and the task is dropped.
   */
  offer(task: () => Promise<void>): boolean {
    if (this.#waiting.length >= MAX_WAITING) return false;
    this.#waiting.push(task);
    this.#running ??= this.#runAll();
    return true;
  }

  /** Drops what waits, and resolves when the task that runs is over. */
  async close(): Promise<void> {
    this.#waiting = [];
    await this.#running;
  }

  async #runAll(): Promise<void> {
    for (let task = this.#waiting.shift(); task; task = this.#waiting.shift()) await task();
    this.#running = undefined;
  }
}
