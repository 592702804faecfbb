import { z } from 'zod';
import { section } from './section.ts';
import { bounds, search, tls } from './user-store-sections.ts';
import { count, flag, optional, secureUrl, text, url } from './values.ts';

/** The kinds of user store that are asked over HTTP, by their `type`. */

const webUrl = url(['https', 'http']);

/** Ours to a place in one of `documents`: `$.profile.name`. */
function attributes(documents: readonly string[]) {
  const place = new RegExp(`^(${documents.map((name) => name.replace('$', '\\$')).join('|')})\\..+$`);
  const list = new Intl.ListFormat('en-GB', { type: 'disjunction' }).format(documents.map((name) => `${name}.name`));
  return z
    .record(z.string(), text.regex(place, `expected ${list}`), { error: 'expected a mapping of attributes to places' })
    .refine((mapping) => !('username' in mapping), 'the attribute `username` is always the name that was typed');
}

/** One value, or a list of them; in code: a list. */
function oneOrMore<Schema extends z.ZodType>(schema: Schema, error: string) {
  return z
    .union([z.array(schema).min(1, error), schema], { error })
    .transform((value) => [value].flat() as z.output<Schema>[]);
}

function isPlace(value: string): boolean {
  return /^(https?:\/)?\/[\x21-\x7e]*$/.test(value) && URL.canParse(value, 'https://host');
}

/** Where a login has something: in the JSON of its answer, or among its cookies. */
const LOGIN_PLACE = /^(\$|cookie)\..+$/;

/** How an answer to a login looks. All that is said has to hold. */
const signs = section({
  status: oneOrMore(count(100, 599), 'expected a status such as 302, or a list of them').optional(),
  location: oneOrMore(
    text.refine(isPlace, 'expected a path such as /home, or a URL'),
    'expected a path such as /home, a URL, or a list of them',
  ).optional(),
  body_contains: optional(text),
  cookie: optional(text),
  json: z.record(z.string(), z.json(), { error: 'expected a mapping such as {ok: true}' }).optional(),
}).refine((given) => Object.values(given).some((value) => value !== undefined), {
  error: 'expected at least one of status, location, body_contains, cookie and json',
});

export const legacyLoginUsers = section({
  type: z.literal('legacy_login'),
  url: webUrl,
  tls,
  page: section({
    url: optional(webUrl),
    fields: z.array(text, { error: 'expected a list of fields' }).default([]),
  }).optional(),
  form: z
    .record(z.string(), z.string({ error: 'expected text; a number, true or false needs quotes' }), {
      error: 'expected a mapping of fields to texts',
    })
    .optional(),
  json: z.record(z.string(), z.json(), { error: 'expected a mapping' }).optional(),
  basic: flag.default(false),
  accept: signs,
  reject: signs,
  attributes: attributes(['$', 'cookie']).default({}),
  bearer: optional(text.regex(LOGIN_PLACE, 'expected a place in the answer to the login, such as $.token')),
  whoami: section({ url: webUrl, attributes: attributes(['$']) }).optional(),
  /** Ours to a place in the login: what is kept of the session that the login opens. */
  carry: z
    .record(
      z.string().regex(/^[A-Za-z0-9_-]+$/, 'a name has letters, digits, _ and - only'),
      text.regex(LOGIN_PLACE, 'expected cookie.NAME, or a place in the answer such as $.token'),
      { error: 'expected a mapping such as {session: cookie.JSESSIONID}' },
    )
    .default({}),
  logout: section({
    url: webUrl,
    method: z.enum(['GET', 'POST', 'DELETE'], { error: 'expected GET, POST or DELETE' }).default('GET'),
  }).optional(),
  ...bounds,
  ...search,
});

export const oauthUsers = section({
  type: z.literal('oauth'),
  token_endpoint: secureUrl,
  tls,
  client_id: text,
  client_secret: optional(text),
  auth: z
    .enum(['client_secret_basic', 'client_secret_post', 'none'], {
      error: 'expected client_secret_basic, client_secret_post or none',
    })
    .default('client_secret_basic'),
  scope: optional(text),
  userinfo_endpoint: optional(secureUrl),
  attributes: attributes(['id_token', 'access_token', 'userinfo']).default({}),
  ...bounds,
  ...search,
});
