import { loadConfig } from '../config/load.ts';
import type { Endpoint } from '../config/values.ts';
import { formatTable } from './table.ts';

export interface Selection {
  readonly user: string;
  readonly client?: string;
  readonly format: 'table' | 'json';
}

interface ListedSession {
  readonly id: string;
  readonly user: { readonly store: string; readonly username: string };
  readonly client: string;
  readonly scope: string;
  readonly address: string;
  readonly logged_in_at: string;
  readonly last_used_at: string;
  readonly expires_at: string;
}

/** Prints the sessions that a running gateway has of a user. */
export async function listSessions(file: string, selection: Selection): Promise<void> {
  const answer = await askGateway<{ sessions: readonly ListedSession[] }>(file, 'GET', selection);
  process.stdout.write(
    selection.format === 'json' ? `${JSON.stringify(answer, undefined, 2)}\n` : table(answer.sessions),
  );
}

/** Ends the sessions that a running gateway has of a user, and the access tokens that came from them. */
export async function revokeSessions(file: string, selection: Selection): Promise<void> {
  const answer = await askGateway<{ revoked: number }>(file, 'DELETE', selection);
  const sentence = `${answer.revoked} ${answer.revoked === 1 ? 'session' : 'sessions'} revoked`;
  process.stdout.write(`${selection.format === 'json' ? JSON.stringify(answer) : sentence}\n`);
}

/** The gateway answers, and not its store: the embedded one is in its process. */
async function askGateway<Answer>(file: string, method: string, { user, client }: Selection): Promise<Answer> {
  const { address, token } = loadConfig(file).admin;
  const url = new URL('/sessions', origin(address));
  url.searchParams.set('user', user);
  if (client !== undefined) url.searchParams.set('client', client);
  const headers = token === '' ? {} : { Authorization: `Bearer ${token}` };
  const response = await fetch(url, { method, headers, signal: AbortSignal.timeout(10_000) }).catch((cause) => {
    throw new Error(`no gateway answers at ${url.origin}`, { cause });
  });
  const body = (await response.json()) as Answer & { error_description?: string };
  if (!response.ok) throw new Error(`${url.origin} answered ${response.status}: ${body.error_description}`);
  return body;
}

/** Where a gateway that listens on `address` can be reached from its own host. */
function origin({ host, port }: Endpoint): string {
  if (host === undefined || host === '0.0.0.0') return `http://127.0.0.1:${port}`;
  if (host === '::') return `http://[::1]:${port}`;
  return host.includes(':') ? `http://[${host}]:${port}` : `http://${host}:${port}`;
}

function table(sessions: readonly ListedSession[]): string {
  return formatTable([
    ['ID', 'USER', 'STORE', 'CLIENT', 'ADDRESS', 'LOGGED IN', 'LAST USED', 'EXPIRES', 'SCOPE'],
    ...sessions.map(({ id, user, client, address, logged_in_at, last_used_at, expires_at, scope }) => [
      ...[id, user.username, user.store, client, address],
      ...[logged_in_at, last_used_at, expires_at].map((time) => time.slice(0, 16).replace('T', ' ')),
      scope,
    ]),
  ]);
}
