import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { createApp } from '../app.ts';
import type { Config } from '../config/schema.ts';
import type { Lease } from '../lease.ts';
import { createUpgradeListener } from '../upgrade.ts';
import type { Foundation } from './foundation.ts';
import { type OpenRuntime, openRuntime } from './open-runtime.ts';

/**
 * A configuration at work. A request stays with the generation that took it until its end, so it meets one configuration
 * and no other; a generation that was retired lets go of all it holds when its last request is done.
 */
export class Generation {
  readonly config: Config;
  readonly opened: OpenRuntime;
  readonly #lease: Lease;
  readonly #answer: (request: IncomingMessage, response: ServerResponse) => Promise<void>;
  readonly #answerUpgrade: ReturnType<typeof createUpgradeListener>;
  #requests = 0;
  #onIdle: (() => void) | undefined;

  private constructor(config: Config, opened: OpenRuntime, lease: Lease) {
    this.config = config;
    this.opened = opened;
    this.#lease = lease;
    this.#answer = createApp(opened.runtime).callback();
    this.#answerUpgrade = createUpgradeListener(opened.runtime);
  }

  /** @throws Error when a file that the configuration names cannot be used. */
  static async open(config: Config, foundation: Foundation): Promise<Generation> {
    const lease = foundation.parts.lease();
    try {
      return new Generation(config, await openRuntime(config, foundation, lease), lease);
    } catch (error) {
      await lease.end();
      throw error;
    }
  }

  take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    return this.#count(this.#answer(request, response));
  }

  takeUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    return this.#count(this.#answerUpgrade(request, socket, head));
  }

  /** To be called when nothing new comes here any more. Resolves when all is closed that nobody else holds. */
  async retire(): Promise<void> {
    if (this.#requests > 0) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
    }
    await this.#lease.end();
  }

  async #count(answered: Promise<void>): Promise<void> {
    this.#requests += 1;
    try {
      await answered;
    } finally {
      this.#requests -= 1;
      if (this.#requests === 0) this.#onIdle?.();
    }
  }
}
