import type { Check, Locate, Path } from './check.ts';
import type { Problem } from './problem.ts';
import type { LegacyLoginUsersConfig, OAuthUsersConfig } from './schema.ts';

/** User stores that are asked over HTTP. */
export const checkWebUsers: Check = function* ({ users = {} }, locate) {
  const carriedBy = new Map<string, string>();
  for (const [name, store] of Object.entries(users)) {
    const at: Locate = (path, part) => locate(['users', name, ...path], part);
    if (store.type === 'legacy_login') {
      yield* checkLegacyLogin(store, at);
      yield* checkCarriedNames(name, store, carriedBy, at);
    }
    if (store.type === 'oauth') yield* checkOAuth(store, at);
  }
};

function* checkLegacyLogin(store: LegacyLoginUsersConfig, at: Locate): Iterable<Problem> {
  yield* checkForms(store, at);
  for (const key of ['form', 'json'] as const) yield* checkCredentials(store[key], [key], at);
  yield* checkPage(store, at);
  yield* checkOrigins(store, at);
  yield* checkSession(store, at);
  yield* checkTls(store.tls, [store.url], at);
  for (const name of Object.keys(store.whoami?.attributes ?? {})) {
    if (name in store.attributes) {
      yield { position: at(['whoami', 'attributes', name], 'key'), message: '`attributes` has this one already' };
    }
  }
}

function* checkForms({ form, json, basic }: LegacyLoginUsersConfig, at: Locate): Iterable<Problem> {
  const given = Object.entries({ form, json, basic }).filter(([, value]) => value !== undefined && value !== false);
  const [first, ...others] = given.map(([key]) => key);
  if (first === undefined) yield { position: at(['type']), message: 'this needs one of `form`, `json` and `basic`' };
  for (const key of others) {
    yield { position: at([key], 'key'), message: `one is enough, and \`${first}\` is it already` };
  }
}

/** There is no other use of braces, and both have to be somewhere. */
function* checkCredentials(tree: unknown, path: Path, at: Locate): Iterable<Problem> {
  if (tree === undefined) return;
  const texts = textsOf(tree, path);
  for (const name of ['{username}', '{password}']) {
    if (!texts.some(({ text }) => text.includes(name))) {
      yield { position: at(path), message: `expected ${name} somewhere in it` };
    }
  }
  for (const { text, path: place } of texts) {
    if (/[{}]/.test(text.replaceAll(/\{(username|password)\}/g, ''))) {
      yield { position: at(place), message: 'expected braces only as in {username} and {password}' };
    }
  }
}

function textsOf(tree: unknown, path: Path): { readonly text: string; readonly path: Path }[] {
  if (typeof tree === 'string') return [{ text: tree, path }];
  if (typeof tree !== 'object' || tree === null) return [];
  const inner = Array.isArray(tree) ? [...tree.entries()] : Object.entries(tree);
  return inner.flatMap(([step, value]) => textsOf(value, [...path, step]));
}

function* checkPage({ page, form }: LegacyLoginUsersConfig, at: Locate): Iterable<Problem> {
  if (page && page.fields.length > 0 && !form) {
    yield { position: at(['page', 'fields'], 'key'), message: 'fields of the page are sent with a `form`' };
  }
  for (const [index, field] of (page?.fields ?? []).entries()) {
    if (form && field in form) {
      yield { position: at(['page', 'fields', index]), message: '`form` has this field already' };
    }
  }
}

/** Cookies of one origin are not for another. */
function* checkOrigins({ url, page, whoami, logout }: LegacyLoginUsersConfig, at: Locate): Iterable<Problem> {
  for (const [key, other] of Object.entries({ page: page?.url, whoami: whoami?.url, logout: logout?.url })) {
    if (other === undefined || new URL(other).origin === new URL(url).origin) continue;
    yield { position: at([key, 'url']), message: 'expected a URL with the scheme, host and port of `url`' };
  }
}

/** What is asked after the login is asked with what is carried, and that has to show whose session it is. */
function* checkSession({ bearer, whoami, carry, logout }: LegacyLoginUsersConfig, at: Locate): Iterable<Problem> {
  const places = Object.values(carry);
  const asked = [whoami && 'whoami', logout && 'logout'].filter((key) => key !== undefined);
  if (logout && places.length === 0) {
    yield { position: at(['logout'], 'key'), message: 'without `carry` there is no session to end' };
  }
  if (bearer !== undefined && asked.length === 0) {
    yield { position: at(['bearer'], 'key'), message: 'this is for `whoami` and `logout`' };
  }
  const isShown = bearer === undefined ? places.some((place) => place.startsWith('cookie.')) : places.includes(bearer);
  if (places.length > 0 && asked.length > 0 && !isShown) {
    const needed = bearer === undefined ? 'a cookie, or `bearer`' : 'the place of `bearer` too';
    yield {
      position: at(['carry'], 'key'),
      message: `later, \`${asked.join('` and `')}\` can only show what is carried: ${needed}`,
    };
  }
}

/** Upstreams know what is carried by its name alone, and one application's session is not for another. */
function* checkCarriedNames(
  store: string,
  { carry }: LegacyLoginUsersConfig,
  carriedBy: Map<string, string>,
  at: Locate,
): Iterable<Problem> {
  for (const name of Object.keys(carry)) {
    const other = carriedBy.get(name);
    carriedBy.set(name, store);
    if (other !== undefined)
      yield { position: at(['carry', name], 'key'), message: `\`${other}\` carries this already` };
  }
}

function* checkOAuth(store: OAuthUsersConfig, at: Locate): Iterable<Problem> {
  const { auth, client_secret, userinfo_endpoint, attributes } = store;
  if (auth === 'none' && client_secret !== undefined) {
    yield { position: at(['client_secret'], 'key'), message: 'with `auth: none` there is no `client_secret`' };
  }
  if (auth !== 'none' && client_secret === undefined) {
    yield { position: at(['type']), message: 'this needs a `client_secret`, or `auth: none`' };
  }
  for (const [name, place] of Object.entries(attributes)) {
    if (!place.startsWith('userinfo.') || userinfo_endpoint !== undefined) continue;
    yield { position: at(['attributes', name]), message: 'this needs a `userinfo_endpoint`' };
  }
  yield* checkTls(store.tls, [store.token_endpoint, userinfo_endpoint ?? ''], at);
}

function* checkTls(tls: object | undefined, urls: readonly string[], at: Locate): Iterable<Problem> {
  if (tls && !urls.some((url) => url.startsWith('https:'))) {
    yield { position: at(['tls'], 'key'), message: 'this is for https://' };
  }
}
