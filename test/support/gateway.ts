import { randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { Config } from '../../src/config/schema.ts';
import { createGateway, type Gateway, readConfig } from '../../src/gateway.ts';
import { createLog } from '../../src/observe/log.ts';
import { hear, hearErrorsOf, keepSecret, keepSecretsIn } from './overheard.ts';

/** gateway.yaml as an object: what a test gives is laid over a working base, section by section. */
export type Settings = { [section: string]: unknown };

/** What is started ends with it: a test, or with `{ after }` of node:test a whole file. */
export interface Lifetime {
  after(end: () => unknown): void;
}

export interface RunningGateway {
  readonly gateway: Gateway;
  readonly url: string;
  readonly adminUrl: string;
  /** The folder of gateway.yaml. */
  readonly directory: string;
  /** What it has logged so far. */
  readonly records: Record<string, unknown>[];
  stop(): Promise<void>;
}

export const SECRET = '7de316288b4eb1d57ea5a190abbec68b';
export const SECRET_SHA256 = '355336c8385ef5be257bcf6a3373e4dc519fe8759cd67e1ad08e0a2cf8e40900';
export const BASIC = `Basic ${Buffer.from(`web:${SECRET}`).toString('base64')}`;
export const PASSWORD = 'correct horse';

/** argon2id and bcrypt at their lowest costs, of PASSWORD: the tests are about logins, not about hashes. */
const ARGON2 = '$argon2id$v=19$m=8,t=1,p=1$CqotZnKC1PTn6nAYf74KMA$Fi7B6I9HYBXX+3rSRehFxXoiSo+3Xyz1h37yqssTO/g';
const BCRYPT = '$2b$04$dy77U6Tq8zikyvfATc4PDuvxe7ep9JmByJXCmZndysi3qlAw9g4kG';
const USERS = {
  ann: { password_hash: ARGON2, attributes: { sub: 'u-1', cn: '1001', groups: ['agents', 'staff'] } },
  bob: { password_hash: BCRYPT },
  eve: { password_hash: ARGON2, disabled: true },
};

const BASE: Settings = {
  // Connections that the test's client keeps alive are not waited for.
  listen: { address: '127.0.0.1:0', shutdown_grace: '0s' },
  admin: { address: '127.0.0.1:0' },
  tokens: {
    issuer: 'https://gateway.example/auth',
    audience: 'https://api.example',
    // Made in a millisecond, and RSA keys in hundreds.
    signing: { algorithm: 'ES256' },
    claims: { customData: { cn: '{user.cn}' }, roles: '{user.groups}' },
  },
  clients: [
    {
      id: 'web',
      auth: 'client_secret_basic',
      secret_sha256: SECRET_SHA256,
      grants: ['password', 'refresh_token'],
      scopes: ['read', 'write'],
      id_token: true,
    },
  ],
  users: { staff: { type: 'file', path: 'users.yaml' } },
  login_limits: { min_failure_time: '0ms' },
  upstreams: {},
  routes: [],
};

/**
 * Boots a real gateway on free ports, and stops it when the test is over. `adjust` is for what gateway.yaml refuses, such
 * as durations that are short enough for a test.
 */
export async function startGateway(
  test: Lifetime,
  settings: Settings = {},
  adjust: (config: Config) => Config = (config) => config,
): Promise<RunningGateway> {
  const directory = writeConfiguration(settings);
  const records: Record<string, unknown>[] = [];
  const write = (line: string) => {
    hear(line);
    records.push(JSON.parse(line));
  };
  const log = createLog({ level: 'info', format: 'json' }, { write });
  const gateway = await createGateway(adjust(readConfig(join(directory, 'gateway.yaml'))), log);
  const { address, adminAddress } = await gateway.listen();
  const scheme = isMapping(settings.listen) && 'tls' in settings.listen ? 'https' : 'http';
  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= gateway.close().finally(() => {
      keepPrivateKeys(join(directory, 'keys'));
      rmSync(directory, { recursive: true });
    });
    return stopped;
  };
  test.after(stop);
  const [url, adminUrl] = [origin(address, scheme), origin(adminAddress)];
  hearErrorsOf(url, adminUrl);
  return { gateway, url, adminUrl, directory, records, stop };
}

/** The last lines of a key in PEM: the first ones tell its kind, and are alike in all. */
function keepPrivateKeys(directory: string): void {
  const files = existsSync(directory) ? readdirSync(directory) : [];
  for (const file of files.filter((name) => name.endsWith('.pem'))) {
    for (const line of readFileSync(join(directory, file), 'utf8').split('\n').slice(2, -2)) {
      keepSecret('a line of a private key', line);
    }
  }
}

/** The gateway warns of secrets that others can read. */
const OWNER_ONLY = { mode: 0o600 };

/** Writes gateway.yaml and users.yaml into a new folder, and says which. */
export function writeConfiguration(settings: Settings = {}): string {
  const directory = mkdtempSync(join(tmpdir(), 'postern-'));
  keepSecretsIn([BASE, settings, USERS]);
  keepSecret('the secret of web', SECRET);
  replaceFile(directory, 'gateway.yaml', configurationOf(settings));
  replaceFile(directory, 'users.yaml', stringify(USERS));
  return directory;
}

/** The text of a gateway.yaml. */
export function configurationOf(settings: Settings): string {
  const sections = Object.keys({ ...BASE, ...settings });
  return stringify(Object.fromEntries(sections.map((section) => [section, overlay(BASE[section], settings[section])])));
}

/** In one step, as editors do it. */
export function replaceFile(directory: string, name: string, text: string): void {
  const file = join(directory, name);
  writeFileSync(`${file}.new`, text, OWNER_ONLY);
  renameSync(`${file}.new`, file);
}

/** The `store` section for a Redis that is shared with other tests: its keys are this gateway's own. */
export function redisStore(): Settings {
  return { redis: process.env.REDIS_URL, key_prefix: `test-${randomUUID()}` };
}

function overlay(base: unknown, given: unknown): unknown {
  if (given === undefined) return base;
  return isMapping(base) && isMapping(given) ? { ...base, ...given } : given;
}

function isMapping(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface RunningUpstream {
  readonly url: string;
  /** Every request that reached it whole. */
  readonly seen: SeenRequest[];
  readonly server: Server;
}

/** A real API that notes what it gets and answers `{"ok":true}`, or as `answer` does. */
export async function startUpstream(test: Lifetime, answer?: RequestListener): Promise<RunningUpstream> {
  const seen: SeenRequest[] = [];
  const server = createServer((request, response) => {
    if (answer) return answer(request, response);
    const chunks: Buffer[] = [];
    request.on('data', (chunk) => chunks.push(chunk));
    // A request that breaks off has no end, and is not seen.
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      seen.push({ method, url, headers, body: Buffer.concat(chunks).toString() });
      response.setHeader('Content-Type', 'application/json').end('{"ok":true}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  test.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return { url: origin(server.address() as AddressInfo), seen, server };
}

function origin({ address, port }: AddressInfo, scheme = 'http'): string {
  return `${scheme}://${address}:${port}`;
}

export interface TokenAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, string> & { readonly expires_in: number };
}

/** POSTs a form to the token endpoint, as the client `web` unless headers say otherwise. */
export async function requestToken(
  gateway: Pick<RunningGateway, 'url'>,
  form: Record<string, string> | string,
  headers: Record<string, string> = { Authorization: BASIC },
): Promise<TokenAnswer> {
  const response = await fetch(`${gateway.url}/token`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/x-www-form-urlencoded', ...headers },
    body: typeof form === 'string' ? form : new URLSearchParams(form).toString(),
  });
  return { status: response.status, headers: response.headers, body: JSON.parse(await response.text()) };
}

export function login(gateway: Pick<RunningGateway, 'url'>, form: Record<string, string> = {}): Promise<TokenAnswer> {
  return requestToken(gateway, { grant_type: 'password', username: 'ann', password: PASSWORD, ...form });
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

/** POSTs a form to one of the gateway's endpoints, as the client `web` unless `authorization` says otherwise. */
export async function postForm(
  gateway: Pick<RunningGateway, 'url'>,
  path: string,
  form: Record<string, string>,
  authorization = BASIC,
): Promise<Answer> {
  const headers: Record<string, string> = authorization ? { Authorization: authorization } : {};
  const response = await fetch(gateway.url + path, { method: 'POST', headers, body: new URLSearchParams(form) });
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as Record<string, unknown>,
  };
}
