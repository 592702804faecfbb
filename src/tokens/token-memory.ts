import { LRUCache } from 'lru-cache';

/** Tokens that were used again. */
const KNOWN = { tokens: 20_000, characters: 32 * 1024 ** 2 };
/** Tokens that were used once. */
const NEW = { tokens: 2_000, characters: 4 * 1024 ** 2 };

/**
 * What is known of tokens, by the whole token. A token is remembered among the new ones, and among the known ones from its
 * second use on (a segmented LRU): tokens that come once, however many, displace each other and none that is in use.
 */
export class TokenMemory<Value extends object> {
  readonly #known = remembering<Value>(KNOWN);
  readonly #new = remembering<Value>(NEW);

  get(token: string): Value | undefined {
    return this.#known.get(token) ?? this.#promote(token);
  }

  set(token: string, value: Value): void {
    const part = this.#known.has(token) ? this.#known : this.#new;
    part.set(token, value);
  }

  #promote(token: string): Value | undefined {
    const value = this.#new.get(token);
    if (value === undefined) return undefined;
    this.#new.delete(token);
    this.#known.set(token, value);
    return value;
  }
}

function remembering<Value extends object>({ tokens, characters }: typeof KNOWN) {
  return new LRUCache<string, Value>({
    max: tokens,
    maxSize: characters,
    sizeCalculation: (_, token) => token.length,
  });
}
