import * as z from 'zod';
import { section } from './section.ts';
import { bounds, kind, search, tls } from './user-store-sections.ts';
import { alternatives, count, flag, oneOrMore, optional, secureUrl, text, url } from './values.ts';

/** The kinds of user store that are asked over HTTP, by their `type`. */

const webUrl = url(['https', 'http']);

/** Ours to a place in one of `documents`: `$.profile.name`. */
function attributes(documents: readonly string[]) {
  const place = new RegExp(`^(${documents.map((name) => name.replace('$', '\\$')).join('|')})\\..+$`);
  const list = alternatives(documents.map((name) => `${name}.name`));
  return z
    .record(z.string(), text.regex(place, `expected ${list}`), { error: 'expected a mapping of attributes to places' })
    .refine((mapping) => !('username' in mapping), 'the attribute `username` is always the name that was typed');
}

function isPlace(value: string): boolean {
  return /^(https?:\/)?\/[\x21-\x7e]*$/.test(value) && URL.canParse(value, 'https://host');
}

/** Where a login has something: in the JSON of its answer, or among its cookies. */
const LOGIN_PLACE = /^(\$|cookie)\..+$/;

/** How an answer to a login looks. All that is said has to hold. */
const signs = section({
  status: oneOrMore(count(100, 599), 'expected a status such as 302, or a list of them')
    .optional()
    .describe('The status, or a list of them.'),
  location: oneOrMore(
    text.refine(isPlace, 'expected a path such as /home, or a URL'),
    'expected a path such as /home, a URL, or a list of them',
  )
    .optional()
    .describe(
      'Where the answer redirects to: a path on this host, or a URL; or a list of them. The query counts only if there is one here. Redirects are not followed.',
    ),
  body_contains: optional(text).describe('A text in the body.'),
  cookie: optional(text).describe('A cookie that the answer sets, with a value.'),
  json: z
    .record(z.string(), z.json(), { error: 'expected a mapping such as {ok: true}' })
    .optional()
    .describe('What the JSON of the answer holds, maybe among more.'),
}).refine((given) => Object.values(given).some((value) => value !== undefined), {
  error: 'expected at least one of status, location, body_contains, cookie and json',
});

const SENT = {
  description:
    'What is sent; one of the three is needed: a form, JSON (any tree), both by POST; or with `basic: true` a GET with HTTP Basic. `{username}` and `{password}` stand for what was typed, in UTF-8.',
  absent: 'none',
};

const ANSWERS = 'How the answer to a right and to a wrong password looks.';

const WHOAMI = 'Where, and what to read from its JSON.';

const page = section({
  url: optional(webUrl).meta({ description: 'Where it is. It has to answer 200.', absent: '`url`' }),
  fields: z
    .array(text, { error: 'expected a list of fields' })
    .default([])
    .describe(
      'Names of hidden inputs of the page that are sent with the `form`. Each has to be there, with one value.',
    ),
});

const logout = section({
  url: webUrl.describe('Is asked once the session of the gateway has ended.'),
  method: z
    .enum(['GET', 'POST', 'DELETE'], { error: 'expected GET, POST or DELETE' })
    .default('GET')
    .describe('`GET`, `POST` or `DELETE`, without a body.'),
});

export const legacyLoginUsers = section({
  type: kind('legacy_login'),
  url: webUrl.describe('Where the login is sent. With `http://`, passwords cross the network in clear text.'),
  tls,
  page: page.optional().describe('A page that is fetched first. Its cookies go with the login.'),
  form: z
    .record(z.string(), z.string({ error: 'expected text; a number, true or false needs quotes' }), {
      error: 'expected a mapping of fields to texts',
    })
    .optional()
    .meta(SENT),
  json: z.record(z.string(), z.json(), { error: 'expected a mapping' }).optional().meta(SENT),
  basic: flag.prefault(false).meta(SENT),
  accept: signs.describe(ANSWERS),
  reject: signs.describe(ANSWERS),
  attributes: attributes(['$', 'cookie'])
    .default({})
    .describe(
      'Attributes to read, ours to a place: `$.profile.name` in a JSON answer, or `cookie.NAME`. `sub` is text or a number; without it, it is the username.',
    ),
  bearer: optional(text.regex(LOGIN_PLACE, 'expected a place in the answer to the login, such as $.token')).describe(
    'A place of a token, such as `$.token`. `whoami` and `logout` are sent it as `Authorization: Bearer`.',
  ),
  whoami: section({ url: webUrl.describe(WHOAMI), attributes: attributes(['$']).describe(WHOAMI) })
    .optional()
    .describe('A second request, a GET with the cookies of the login. It has to answer 200.'),
  /** Ours to a place in the login: what is kept of the session that the login opens. */
  carry: z
    .record(
      z.string().regex(/^[A-Za-z0-9_-]+$/, 'a name has letters, digits, _ and - only'),
      text.regex(LOGIN_PLACE, 'expected cookie.NAME, or a place in the answer such as $.token'),
      { error: 'expected a mapping such as {session: cookie.JSESSIONID}' },
    )
    .default({})
    .describe(
      'What is kept of the login: a name of ours, and its place, `cookie.NAME` or `$.token`. No two stores carry the same name.',
    ),
  logout: logout
    .optional()
    .describe(
      'How the session that the login opens is ended. See [carrying the session](users.md#carrying-the-session).',
    ),
  ...bounds,
  ...search,
});

export const oauthUsers = section({
  type: kind('oauth'),
  token_endpoint: secureUrl.describe('`https://`; `http://` for this host only.'),
  tls,
  client_id: text.describe("The gateway's own client there."),
  client_secret: optional(text).describe('Its secret. Needed unless `auth` is `none`.'),
  auth: z
    .enum(['client_secret_basic', 'client_secret_post', 'none'], {
      error: 'expected client_secret_basic, client_secret_post or none',
    })
    .default('client_secret_basic')
    .describe('`client_secret_basic`, `client_secret_post`, or `none` for a client without a secret.'),
  scope: optional(text).describe('The scope to ask for. An ID token usually needs `openid`.'),
  userinfo_endpoint: optional(secureUrl).describe(
    "Is asked with the access token, for attributes from it. A `sub` that is not the ID token's is an outage.",
  ),
  attributes: attributes(['id_token', 'access_token', 'userinfo'])
    .default({})
    .describe(
      'Attributes to read, ours to a place: `id_token.email`, `access_token.realm_access.roles`, `userinfo.name`. Without a `sub`, it is the username.',
    ),
  ...bounds,
  ...search,
});
