import type { Check, Locate, Sections } from './check.ts';
import type { Problem } from './problem.ts';
import type { ClientConfig, LdapUsersConfig } from './schema.ts';
import { suggestion } from './section.ts';

export const checkUsers: Check = function* ({ users = {}, clients = [] }, locate) {
  for (const [name, store] of Object.entries(users)) {
    const at: Locate = (path, part) => locate(['users', name, ...path], part);
    yield* checkShadow(name, users, at);
    if (store.type !== 'ldap') continue;
    yield* checkHowFound(store, at);
    yield* checkTransport(store, at);
    yield* checkGroups(store, at);
    yield* checkRefresh(name, store, { users, clients }, at);
  }
};

/** A shadow has none itself, so that at least one store is none. */
function* checkShadow(name: string, users: Sections['users'], at: Locate): Iterable<Problem> {
  const shadow = users[name]?.shadow;
  if (shadow === undefined) return;
  const position = at(['shadow']);
  if (!Object.hasOwn(users, shadow)) {
    yield { position, message: `no user store has this name${suggestion(shadow, Object.keys(users))}` };
  } else if (shadow === name) {
    yield { position, message: 'a user store cannot be its own shadow' };
  } else if (users[shadow]?.shadow !== undefined) {
    yield { position, message: 'a user store that has a shadow itself cannot be one' };
  }
}

function* checkHowFound(store: LdapUsersConfig, at: Locate): Iterable<Problem> {
  const { user_dn, base_dn, filter, bind_dn, bind_password } = store;
  for (const key of ['base_dn', 'filter'] as const) {
    if (user_dn !== undefined && store[key] !== undefined) {
      yield { position: at([key], 'key'), message: '`user_dn` says already where users are' };
    }
  }
  if (user_dn === undefined && (base_dn === undefined || filter === undefined)) {
    yield { position: at(['type']), message: 'this needs `base_dn` and `filter`, or `user_dn`' };
  }
  if ((bind_dn === undefined) !== (bind_password === undefined)) {
    yield { position: at(['type']), message: '`bind_dn` and `bind_password` need each other' };
  }
}

function* checkTransport({ url, start_tls, tls }: LdapUsersConfig, at: Locate): Iterable<Problem> {
  const secure = url.filter((server) => server.startsWith('ldaps:'));
  if (start_tls && secure.length > 0) {
    yield { position: at(['start_tls']), message: 'ldaps:// is TLS from the start; StartTLS is for ldap://' };
  }
  if (tls && !start_tls && secure.length === 0) {
    yield { position: at(['tls'], 'key'), message: 'this is for ldaps:// and `start_tls: true`' };
  }
}

function* checkGroups({ groups, attributes }: LdapUsersConfig, at: Locate): Iterable<Problem> {
  if (groups && 'groups' in attributes) {
    yield { position: at(['attributes', 'groups'], 'key'), message: 'the attribute `groups` comes from the search' };
  }
}

/** A refresh asks for the user without a password, and who does not bind as anybody cannot ask. */
function* checkRefresh(
  name: string,
  { user_dn, bind_dn }: LdapUsersConfig,
  { users, clients }: Pick<Sections, 'users' | 'clients'>,
  at: Locate,
): Iterable<Problem> {
  if (user_dn === undefined || bind_dn !== undefined) return;
  const isShadow = Object.values(users).some(({ shadow }) => shadow === name);
  const mayRefresh = (client: ClientConfig) =>
    client.grants.includes('refresh_token') && (client.users?.includes(name) ?? !isShadow);
  if (clients.some(mayRefresh)) {
    const message = 'clients with refresh tokens need a `bind_dn` here, for users are looked up at each refresh';
    yield { position: at(['user_dn'], 'key'), message };
  }
}
