import { connect } from 'node:net';
import { connect as connectSecurely } from 'node:tls';
import { Client, ResultCodeError } from 'ldapts';
import type { LdapUsersConfig } from '../../config/schema.ts';
import { type Time, within } from '../bounded-calls.ts';
import { UnclearAnswer } from './unclear-answer.ts';

const AVOID_MS = 10_000;
/** Result codes with which one server says that it cannot, and another may (RFC 4511 §4.1.9). */
const FAULTS_OF_A_SERVER: ReadonlySet<number> = new Set([
  3, // timeLimitExceeded
  51, // busy
  52, // unavailable
]);

/**
 * The servers of one directory, in the order of the configuration. One that fails is passed over, and for ten seconds
 * asked after the others.
 */
export class LdapServers {
  readonly #config: Pick<LdapUsersConfig, 'url' | 'start_tls'>;
  readonly #ca: string | undefined;
  readonly #onPassedOver: (url: string, error: unknown) => void;
  readonly #avoidedUntilMs = new Map<string, number>();

  constructor(
    config: Pick<LdapUsersConfig, 'url' | 'start_tls'>,
    ca: string | undefined,
    onPassedOver: (url: string, error: unknown) => void,
  ) {
    this.#config = config;
    this.#ca = ca;
    this.#onPassedOver = onPassedOver;
  }

  /**
   * What `task` gives on a new connection to the first server that works. Each gets an even part of the time that is
   * left, so that one which says nothing leaves time for the next.
   *
   * @throws Error what `task` throws about the user or the whole directory; AggregateError when no server works.
   */
  async use<Answer>({ endMs, signal }: Time, task: (client: Client) => Promise<Answer>): Promise<Answer> {
    const failures: unknown[] = [];
    const urls = this.#inOrder();
    for (const [index, url] of urls.entries()) {
      signal.throwIfAborted();
      const leftMs = Math.max(1, endMs - performance.now());
      try {
        return await this.#connected(url, leftMs / (urls.length - index), task);
      } catch (error) {
        if (!isFaultOfServer(error)) throw error;
        failures.push(error);
        this.#avoid(url, error);
      }
    }
    throw failures.length === 1 ? failures[0] : new AggregateError(failures, failures.map(String).join('; '));
  }

  /** What `task` gives on a connection to each server. */
  each<Answer>(ms: number, task: (client: Client) => Promise<Answer>): readonly Promise<Answer>[] {
    return this.#config.url.map((url) => this.#connected(url, ms, task));
  }

  #avoid(url: string, error: unknown): void {
    const nowMs = performance.now();
    if ((this.#avoidedUntilMs.get(url) ?? 0) < nowMs) this.#onPassedOver(url, error);
    this.#avoidedUntilMs.set(url, nowMs + AVOID_MS);
  }

  #inOrder(): string[] {
    const nowMs = performance.now();
    const isAvoided = (url: string) => (this.#avoidedUntilMs.get(url) ?? 0) > nowMs;
    return this.#config.url.toSorted((a, b) => Number(isAvoided(a)) - Number(isAvoided(b)));
  }

  /** A connection a login: each begins as nobody, and none can be broken before it is used. */
  async #connected<Answer>(url: string, ms: number, task: (client: Client) => Promise<Answer>): Promise<Answer> {
    const tls = { host: hostOf(url), ...(this.#ca !== undefined && { ca: this.#ca }) };
    const secure = url.startsWith('ldaps:');
    const client = new Client({
      url,
      timeout: ms,
      connectTimeout: ms,
      ...(secure && { tlsOptions: tls }),
      createConnection: once(connect),
      createSecureConnection: once(connectSecurely),
    });
    try {
      return await within(ms, async () => {
        if (this.#config.start_tls) await client.startTLS(tls);
        return await task(client);
      });
    } finally {
      // Nobody waits for the goodbye; it is given up with the connection.
      client.unbind().catch(() => {});
    }
  }
}

/** ldapts makes a broken connection again by itself, but as nobody and without StartTLS: passwords would be in clear text. */
function once<Connect extends (...args: never[]) => unknown>(make: Connect): Connect {
  let made = false;
  return ((...args: Parameters<Connect>) => {
    if (made) throw new Error('the connection broke');
    made = true;
    return make(...args);
  }) as Connect;
}

function isFaultOfServer(error: unknown): boolean {
  return error instanceof ResultCodeError ? FAULTS_OF_A_SERVER.has(error.code) : !(error instanceof UnclearAnswer);
}

function hostOf(url: string): string {
  return new URL(url).hostname.replace(/^\[(.*)\]$/, '$1');
}
