import type { Check, Locate, Sections } from './check.ts';
import { checkCertificates, checkCredentials } from './check-credentials.ts';
import { nameLine, type Problem } from './problem.ts';
import type { ClientConfig } from './schema.ts';
import { suggestion } from './section.ts';

/** Locates within one client. */
type At = Locate;

export const checkClients: Check = function* ({ clients = [], users, listen }, locate) {
  yield* checkIds(clients, locate);
  for (const [index, client] of clients.entries()) {
    const at: At = (path, part) => locate(['clients', index, ...path], part);
    yield* checkCredentials(client, at);
    yield* checkGrants(client, at);
    if (listen) yield* checkCertificates(client, listen, at);
    yield* checkScopes(client, at);
    yield* checkLifetimes(client, at);
    if (users) yield* checkUsers(client, users, at);
  }
};

function* checkIds(clients: readonly ClientConfig[], locate: Locate): Iterable<Problem> {
  const owners = new Map<string, number>();
  for (const [index, { id }] of clients.entries()) {
    const owner = owners.get(id);
    if (owner === undefined) {
      owners.set(id, index);
      continue;
    }
    const position = locate(['clients', index, 'id']);
    const other = nameLine(locate(['clients', owner, 'id']), position.file);
    yield { position, message: `the client of ${other} has this id already` };
  }
}

function* checkGrants({ auth, grants }: ClientConfig, at: At): Iterable<Problem> {
  const own = grants.indexOf('client_credentials');
  if (auth === 'none' && own >= 0) {
    const message = 'a client acts on its own behalf only if it authenticates (RFC 6749 §4.4), not with `auth: none`';
    yield { position: at(['grants', own]), message };
  }
  if (grants.every((grant) => grant === 'refresh_token')) {
    yield { position: at(['grants']), message: 'without another grant this client never gets its first refresh token' };
  }
}

function* checkScopes({ scopes, default_scopes }: ClientConfig, at: At): Iterable<Problem> {
  for (const [index, scope] of default_scopes.entries()) {
    if (scopes.includes(scope)) continue;
    yield { position: at(['default_scopes', index]), message: "this scope is not one of the client's `scopes`" };
  }
}

function* checkLifetimes({ refresh }: ClientConfig, at: At): Iterable<Problem> {
  if (refresh.retry_grace > refresh.idle_ttl) {
    yield { position: at(['refresh', 'retry_grace']), message: '`retry_grace` may not exceed `idle_ttl`' };
  }
  if (refresh.idle_ttl > refresh.max_ttl) {
    yield { position: at(['refresh', 'idle_ttl']), message: '`idle_ttl` may not exceed `max_ttl`' };
  }
}

function* checkUsers(client: ClientConfig, users: Sections['users'], at: At): Iterable<Problem> {
  for (const [index, name] of (client.users ?? []).entries()) {
    if (Object.hasOwn(users, name)) continue;
    const message = `no user store has this name${suggestion(name, Object.keys(users))}`;
    yield { position: at(['users', index]), message };
  }
}
