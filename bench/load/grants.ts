import { Pool } from 'undici';
import { CLIENT } from '../postern-process.ts';

/** A token request's form, and what is done with a good answer. */
export interface GrantRequest {
  readonly form: Readonly<Record<string, string>>;
  accept?(answer: Record<string, string>): void;
}

export interface GrantAnswer {
  readonly status: number;
  readonly ms: number;
}

export interface GrantResult {
  readonly answers: readonly GrantAnswer[];
  readonly seconds: number;
}

const BASIC = `Basic ${Buffer.from(`${CLIENT.id}:${CLIENT.secret}`).toString('base64')}`;
const HEADERS = { authorization: BASIC, 'content-type': 'application/x-www-form-urlencoded' };

/** Callers of a token endpoint, each of whom asks again as soon as it is answered, from now until the end. */
export class GrantLoad {
  readonly #pool: Pool;
  readonly #next: () => GrantRequest;
  readonly #answers: GrantAnswer[] = [];
  readonly #startedAt = performance.now();
  readonly #callers: readonly Promise<void>[];
  #ended = false;

  constructor(port: number, next: () => GrantRequest, callers: number) {
    this.#pool = new Pool(`http://127.0.0.1:${port}`, {
      connections: callers,
      pipelining: 1,
      // Of their own: senders take turns by address.
      localAddress: '127.0.0.2',
    });
    this.#next = next;
    this.#callers = Array.from({ length: callers }, () => this.#call());
  }

  /** Lets the callers have their last answers. @throws what kept one of them from an answer. */
  async end(): Promise<GrantResult> {
    this.#ended = true;
    await Promise.all(this.#callers);
    const seconds = (performance.now() - this.#startedAt) / 1000;
    await this.#pool.close();
    return { answers: this.#answers, seconds };
  }

  async #call(): Promise<void> {
    while (!this.#ended) {
      const startedAt = performance.now();
      const status = await requestGrant(this.#pool, this.#next());
      this.#answers.push({ status, ms: performance.now() - startedAt });
    }
  }
}

/** The status of the answer. */
export async function requestGrant(pool: Pool, { form, accept }: GrantRequest): Promise<number> {
  const body = new URLSearchParams(form).toString();
  const answer = await pool.request({ path: '/token', method: 'POST', headers: HEADERS, body });
  const text = await answer.body.text();
  if (answer.statusCode === 200) accept?.(JSON.parse(text));
  return answer.statusCode;
}

export function loginForm(username: string, password: string): GrantRequest {
  return { form: { grant_type: 'password', username, password } };
}
