import type { Check } from './check.ts';
import { DES_CRYPT } from './passwords.ts';
import { warning } from './problem.ts';
import { isLoopback } from './values.ts';

const LONGEST_TOKEN_MS = 3_600_000;
const LONG_TOKEN =
  'whoever finds an access token has it for this long; an hour is plenty, and refresh tokens do the rest';

/** What works, and shows others more, or trusts them more, than need be: a section a check. */
export const adviseExposure: readonly Check[] = [
  function* ({ listen }, locate) {
    if (!listen || listen.trusted_proxies.length > 0 || isLoopback(listen.address.host ?? '')) return;
    const message =
      'a proxy in front of this address belongs into `trusted_proxies`, or all clients have its address and share its login limits';
    yield warning('no-trusted-proxies', locate(['listen', 'address']), message);
  },

  function* ({ tokens, clients = [] }, locate) {
    if (tokens && tokens.access_token_ttl > LONGEST_TOKEN_MS) {
      yield warning('long-access-token', locate(['tokens', 'access_token_ttl']), LONG_TOKEN);
    }
    for (const [index, { access_token_ttl = 0 }] of clients.entries()) {
      if (access_token_ttl <= LONGEST_TOKEN_MS) continue;
      yield warning('long-access-token', locate(['clients', index, 'access_token_ttl']), LONG_TOKEN);
    }
  },

  function* ({ clients = [] }, locate) {
    for (const [index, { auth, grants }] of clients.entries()) {
      if (auth !== 'none' || !grants.includes('password')) continue;
      const message = 'without authentication, whoever knows the id of this client may try passwords in its name';
      yield warning('public-password-client', locate(['clients', index, 'auth']), message);
    }
  },

  function* ({ users = {} }, locate) {
    for (const [name, store] of Object.entries(users)) {
      if (!('hash' in store) || store.hash !== DES_CRYPT) continue;
      const message =
        'DES reads eight characters of a password: who knows these gets in, as long as `rehash` has not replaced the hash';
      yield warning('weak-hash', locate(['users', name, 'hash']), message);
    }
  },

  function* ({ routes = [] }, locate) {
    for (const [index, { mode, public: isPublic }] of routes.entries()) {
      if (mode === 'enforce' || isPublic) continue;
      const message = 'nobody is kept from this route: what should be refused is only logged and counted';
      yield warning('report-mode', locate(['routes', index, 'mode'], 'key'), message);
    }
  },

  function* ({ upstreams = {} }, locate) {
    for (const [name, { targets }] of Object.entries(upstreams)) {
      for (const [index, target] of targets.entries()) {
        if (!target.startsWith('http://') || isLoopback(new URL(target).hostname)) continue;
        const message = 'tokens and identities go over the network in clear text: use https://';
        yield warning('cleartext-upstream', locate(['upstreams', name, 'targets', index]), message);
      }
    }
  },
];
