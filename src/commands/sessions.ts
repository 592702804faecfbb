import { adminAddressIn, askGateway } from './ask-gateway.ts';
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
  const answer = await askAbout<{ sessions: readonly ListedSession[] }>(file, 'GET', selection);
  process.stdout.write(
    selection.format === 'json' ? `${JSON.stringify(answer, undefined, 2)}\n` : table(answer.sessions),
  );
}

/** Ends the sessions that a running gateway has of a user, and the access tokens that came from them. */
export async function revokeSessions(file: string, selection: Selection): Promise<void> {
  const answer = await askAbout<{ revoked: number }>(file, 'DELETE', selection);
  const sentence = `${answer.revoked} ${answer.revoked === 1 ? 'session' : 'sessions'} revoked`;
  process.stdout.write(`${selection.format === 'json' ? JSON.stringify(answer) : sentence}\n`);
}

/** The gateway answers, and not its store: the embedded one is in its process. */
function askAbout<Answer>(file: string, method: 'GET' | 'DELETE', { user, client }: Selection): Promise<Answer> {
  const query = new URLSearchParams({ user, ...(client !== undefined && { client }) });
  return askGateway<Answer>(adminAddressIn(file), method, `/sessions?${query}`);
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
