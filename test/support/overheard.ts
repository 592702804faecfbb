import { appendFileSync } from 'node:fs';
import { basename, join } from 'node:path';

/**
 * What gateways of tests say, and what they must keep to themselves: `npm test` searches the one for the other when all files
 * are through. Heard are logs, what the command line prints, errors and metrics. Not heard are good answers, where tokens
 * belong, gateways whose log a test keeps for itself, and errors that a test reads with a library of others.
 */
const folder = process.env.POSTERN_TEST_OVERHEARD;
const file = folder && join(folder, `${basename(process.argv[1] ?? 'node')}-${process.pid}`);

const said: string[] = [];
const secrets = new Set<string>();
const gateways = new Set<string>();

export function hear(text: string): void {
  if (file) said.push(text);
}

export function keepSecret(name: string, value: unknown): void {
  if (!file || typeof value !== 'string') return;
  // The header of a token is no secret, and alike in all.
  const [, ...ofToken] = /^[\w-]+\.([\w-]+)\.([\w-]+)$/.exec(value) ?? [];
  for (const part of ofToken.length > 0 ? ofToken : [value]) secrets.add(JSON.stringify({ name, value: part }));
}

/** The errors and metrics of who listens there are heard. */
export function hearErrorsOf(...urls: readonly string[]): void {
  for (const url of urls) gateways.add(new URL(url).host);
}

const SECRET_KEYS =
  /^(secret|secret_hash|secret_sha256|password|password_hash|bind_password|client_secret|encryption_key|token|refresh_token|access_token|id_token|client_assertion)$/;

/** In a section of gateway.yaml, a form or an answer, by the names of its keys; and the passwords in URLs. */
export function keepSecretsIn(value: unknown, name = ''): void {
  if (typeof value === 'object' && value !== null) {
    const entries = value instanceof URLSearchParams ? [...value] : Object.entries(value);
    for (const [key, inner] of entries) keepSecretsIn(inner, Array.isArray(value) ? name : key);
  }
  if (typeof value !== 'string' || value.includes('${')) return;
  if (SECRET_KEYS.test(name)) keepSecret(name, value);
  const [, inUrl] = /^\w+:\/\/[^/@]*:([^@/]+)@/.exec(value) ?? [];
  if (inUrl) keepSecret(`the password in ${name}`, decodeURIComponent(inUrl));
}

export function keepCredentials(authorization: string | undefined): void {
  const [scheme, credentials = ''] = authorization?.split(' ') ?? [];
  const [, ...password] = Buffer.from(credentials, 'base64').toString().split(':');
  if (scheme === 'Basic') keepSecret('a password of Basic', password.join(':'));
  else keepSecret('a bearer token', credentials);
}

/** What came back for a request to `url`. */
export function hearAnswer(url: string, status: number, body: string): void {
  const { host, pathname } = new URL(url);
  if (gateways.has(host) && (status >= 400 || pathname === '/metrics')) hear(`${body}\n`);
  if (status < 400) keepSecretsIn(parsed(body));
}

/** Some servers of tests give half an answer. */
function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

/** Which answers are read beside the test; streams and the like are left to it. */
function isHeard({ url, status }: Response): boolean {
  return status >= 400 || /\/(metrics|token)$/.test(new URL(url).pathname);
}

/** An answer that breaks off is the test's to tell of. */
async function overhear(answer: Response): Promise<void> {
  const text = await answer.text().catch(() => '');
  hearAnswer(answer.url, answer.status, text);
}

if (file) {
  const { fetch } = globalThis;
  globalThis.fetch = async (input, init) => {
    keepCredentials(new Headers(init?.headers).get('authorization') ?? undefined);
    const { body } = init ?? {};
    if (typeof body === 'string' || body instanceof URLSearchParams) keepSecretsIn(new URLSearchParams(body));
    const response = await fetch(input, init);
    if (isHeard(response)) void overhear(response.clone());
    return response;
  };
  process.on('exit', () => {
    appendFileSync(`${file}.said`, said.join(''));
    appendFileSync(`${file}.secrets`, [...secrets].join('\n'));
  });
}
