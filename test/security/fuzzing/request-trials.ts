import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Lifetime } from '../../support/gateway.ts';
import { requestToken } from '../../support/gateway.ts';
import { statuses } from '../../support/raw.ts';
import { type ServedGateway, serve } from '../../support/serve.ts';
import { Random } from './random.ts';
import { SPOILT_TOKEN, TOKEN } from './request-grammar.ts';
import { IDENTITY_HEADERS, WITNESSED, Witness } from './witness.ts';

/** After so long without a word the attacker has heard all that there is to hear, and hangs up. */
const QUIET_MS = 25;
const SILENT_MS = 150;
/** How many attackers hang up as soon as they have said what they say. */
const IN_A_HURRY = 0.1;
/** A connection that was hung up on and is still there is a hang. The gateway reads on for 5 seconds after a refusal. */
const HANG_MS = 10_000;

const CLIENT = {
  id: 'web',
  auth: 'client_secret_basic',
  secret_sha256: '355336c8385ef5be257bcf6a3373e4dc519fe8759cd67e1ad08e0a2cf8e40900',
  grants: ['password', 'refresh_token', 'client_credentials'],
  scopes: ['read', 'write'],
};

/** What is sent is not to run into the limits that are tested elsewhere. */
const MANY = 1_000_000_000;
const LOGIN_LIMITS = {
  user_and_address: { failures: MANY },
  user: { failures: MANY },
  address: { failures: MANY },
  client: { failures: MANY },
  min_failure_time: '0ms',
};

/** A gateway in a process of its own, before an upstream that watches. */
export class RequestTrials {
  readonly #gateway: ServedGateway;
  readonly #witness: Witness;
  #stderr = '';

  private constructor(gateway: ServedGateway, witness: Witness) {
    this.#gateway = gateway;
    this.#witness = witness;
    gateway.process.stderr.on('data', (chunk) => {
      this.#stderr += chunk;
    });
  }

  static async start(lifetime: Lifetime): Promise<RequestTrials> {
    const witness = await Witness.start(lifetime);
    const gateway = await serve(lifetime, {
      tokens: {
        issuer: 'https://gateway.example/auth',
        audience: 'https://api.example',
        signing: { algorithm: 'ES256' },
      },
      clients: [CLIENT],
      login_limits: LOGIN_LIMITS,
      upstreams: { api: { targets: [witness.url], identity_headers: IDENTITY_HEADERS } },
      routes: [
        { path: '/api/**', scopes: ['read'], upstream: 'api', max_body: '64kb' },
        { path: '/api/chat', scopes: ['read'], upstream: 'api', websocket: true },
        { path: '/admin/**', scopes: ['admin'], upstream: 'api' },
      ],
    });
    return new RequestTrials(gateway, witness);
  }

  /**
   * Sends an attack, with a token that is good for `/api` and nothing else, or with none that is good for anything.
   *
   * @returns how many requests the upstream has answered
   * @throws Error with what was wrong
   */
  async run(attack: string, { isAuthorised, seed }: { isAuthorised: boolean; seed: number }): Promise<number> {
    const token = await this.#token();
    const sent = isAuthorised ? token : spoil(token, seed);
    const bytes = attack.replaceAll(TOKEN, sent).replaceAll(SPOILT_TOKEN, spoil(token, seed + 1));
    const authorised = isAuthorised ? attack.split(TOKEN).length - 1 : 0;
    const id = idOf(token);
    if (authorised > 0) this.#witness.expect(id, authorised);
    const answer = await exchange(new URL(this.#gateway.url).port, bytes, seed);
    const problem = this.#problemWith(answer, id);
    if (problem) throw new Error(problem);
    return this.#witness.seen(id);
  }

  /** Throws what cannot be told from one answer. */
  checkProcess(): void {
    const { exitCode, signalCode } = this.#gateway.process;
    if (exitCode !== null || signalCode !== null)
      throw new Error(`the gateway ended: ${exitCode ?? signalCode}\n${this.#stderr}`);
    if (this.#stderr) throw new Error(`the gateway says ${this.#stderr}`);
    // Kept for whoever looks for a line; not for all of a long run.
    this.#gateway.lines.length = 0;
  }

  async memoryBytes(): Promise<number> {
    const metrics = await (await fetch(`${this.#gateway.adminUrl}/metrics`)).text();
    return Number(/^process_resident_memory_bytes (.*)$/m.exec(metrics)?.[1]);
  }

  async #token(): Promise<string> {
    const { body } = await requestToken(this.#gateway, { grant_type: 'client_credentials', scope: 'read' });
    if (!body.access_token) throw new Error(`no token: ${JSON.stringify(body)}`);
    return body.access_token;
  }

  #problemWith(answer: string, id: string): string | undefined {
    const [unheard] = this.#witness.takeProblems();
    if (unheard) return unheard;
    this.checkProcess();
    if (answer !== '' && !/^HTTP\/1\.1 \d{3} /.test(answer))
      return `this is no answer: ${JSON.stringify(answer.slice(0, 500))}`;
    if (/^x-injected/im.test(answer)) return `a header of the attacker is in the answer: ${answer}`;
    const answered = statuses(answer);
    // 503 is a limit that was reached, and the upstream answers whoever reaches it.
    if (answered.some((status) => status >= 500 && status !== 503)) return `the gateway failed: ${answer}`;
    const fromUpstream = answered.filter((status) => status === WITNESSED).length;
    return fromUpstream > this.#witness.seen(id) ? 'an answer to a request of somebody else' : undefined;
  }
}

function idOf(token: string): string {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()).jti;
}

/** Another token that nobody has signed. */
function spoil(token: string, seed: number): string {
  const at = Math.abs(seed) % token.length;
  return token.slice(0, at) + (token[at] === 'x' ? 'y' : 'x') + token.slice(at + 1);
}

/** Sends the bytes in up to three pieces, mostly hears the answer out, hangs up, and waits until the gateway has done so too. */
async function exchange(port: string, bytes: string, seed: number): Promise<string> {
  const socket = connect(Number(port), '127.0.0.1').setNoDelay();
  let answer = '';
  // A reset is an answer too: to who still sends.
  socket.on('error', () => {});
  socket.setEncoding('latin1').on('data', (chunk) => {
    answer += chunk;
    socket.setTimeout(QUIET_MS);
  });
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.setTimeout(SILENT_MS).on('timeout', () => socket.end());
  const random = new Random(seed);
  await send(socket, bytes, random);
  if (random.chance(IN_A_HURRY)) socket.end();
  const isOver = await Promise.race([closed.then(() => true), delay(HANG_MS, false, { ref: false })]);
  socket.destroy();
  if (!isOver) throw new Error(`the gateway did not hang up; it had said ${JSON.stringify(answer.slice(0, 500))}`);
  return answer;
}

async function send(socket: Socket, bytes: string, random: Random): Promise<void> {
  const cuts = random.some([random.below(bytes.length + 1), random.below(bytes.length + 1)], 2).sort((a, b) => a - b);
  for (const [index, cut] of [...cuts, bytes.length].entries()) {
    socket.write(bytes.slice(cuts[index - 1] ?? 0, cut), 'latin1');
    if (cuts.length > 0) await delay(2);
  }
}
