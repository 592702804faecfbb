import { createHmac } from 'node:crypto';
import type { SharedSecret } from './shared-secret.ts';

/** For how long a nonce is the current one. It is good for as long again, and for what clocks of gateways differ. */
const WINDOW_MS = 5 * 60_000;

/**
 * Nonces for DPoP proofs (RFC 9449 §8, §9), which show that a proof was not made long ahead. They are computed from the
 * time, so that every gateway knows those of all others and none has to be kept.
 */
export class DpopNonces {
  readonly #secret: SharedSecret;

  constructor(secret: SharedSecret) {
    this.#secret = secret;
  }

  /** @throws GatewayError `temporarily_unavailable` as long as the store has never answered. */
  async current(): Promise<string> {
    return this.#at(Date.now());
  }

  async isGood(nonce: string): Promise<boolean> {
    const now = Date.now();
    const good = await Promise.all([now, now - WINDOW_MS, now + WINDOW_MS].map((time) => this.#at(time)));
    return good.includes(nonce);
  }

  async #at(timeMs: number): Promise<string> {
    const window = String(Math.floor(timeMs / WINDOW_MS));
    return createHmac('sha256', await this.#secret.get())
      .update(window)
      .digest('base64url');
  }
}
