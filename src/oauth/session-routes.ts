import { GatewayError } from '../errors.ts';
import { type AdminRequest, type AdminRoute, json } from '../observe/admin-listener.ts';
import type { Log } from '../observe/log.ts';
import type { Family } from '../tokens/refresh-families.ts';
import type { Sessions } from '../tokens/sessions.ts';

/** Lists and ends sessions, on the admin address. @param sessions as they are reached now */
export function createSessionRoutes(sessions: () => Sessions, log: Log): readonly AdminRoute[] {
  return [
    {
      method: 'GET',
      path: '/sessions',
      async answer({ query }) {
        const { user, client } = readSelection(query);
        return json(200, { sessions: (await sessions().list(user, client)).map(describe) });
      },
    },
    {
      method: 'DELETE',
      path: '/sessions',
      async answer({ query }) {
        const { user, client } = readSelection(query);
        const revoked = await sessions().endAll(user, client);
        log.info({ username: user, client, revoked }, 'sessions revoked');
        return json(200, { revoked });
      },
    },
    {
      method: 'DELETE',
      path: '/sessions/{id}',
      async answer({ id }) {
        if (!(await sessions().end(id)))
          throw new GatewayError('not_found', { description: 'There is no such session.' });
        log.info({ session: id, revoked: 1 }, 'sessions revoked');
        return json(200, { revoked: 1 });
      },
    },
  ];
}

/** Unknown and repeated parameters are refused: a misspelt `client` would end the sessions of all. */
function readSelection(query: AdminRequest['query']): { user: string; client: string | undefined } {
  const names = [...query.keys()];
  const user = query.get('user');
  const isKnown = names.every((name) => name === 'user' || name === 'client') && new Set(names).size === names.length;
  if (user && isKnown && query.get('client') !== '') return { user, client: query.get('client') ?? undefined };
  throw new GatewayError('invalid_request', { description: 'The query is user=NAME, and client=ID if wanted.' });
}

/** What `GET /sessions` tells of one. Times are ISO 8601. */
function describe({ sessionId, grant, usedAtMs, expiresAtMs, endsAtMs }: Family) {
  const { store, username, sub } = grant.user;
  return {
    id: sessionId,
    user: { store, username, sub },
    client: grant.clientId,
    scope: grant.scope.join(' '),
    address: grant.address,
    logged_in_at: time(grant.authTime * 1000),
    last_used_at: time(usedAtMs),
    expires_at: time(expiresAtMs),
    ends_at: time(endsAtMs),
  };
}

function time(ms: number): string {
  return new Date(ms).toISOString();
}
