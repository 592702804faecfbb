import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, beforeEach, describe, test } from 'node:test';
import { parse } from 'yaml';
import { legacyLoginUsers } from '../../src/config/web-user-sections.ts';
import { GatewayError } from '../../src/errors.ts';
import { hiddenFields } from '../../src/users/legacy-login/hidden-fields.ts';
import { LegacyLoginUserStore } from '../../src/users/legacy-login/legacy-login.ts';
import { login, requestToken, startGateway } from '../support/gateway.ts';
import { type OddAnswer, startLoginApp } from '../support/login-app.ts';
import { PEOPLE, userStoreContract } from './user-store.contract.ts';
import { TIMEOUT_MS, userStoreOutages } from './user-store.outages.ts';

const app = await startLoginApp(PEOPLE);
after(() => app.stop());
beforeEach(() => app.odd.clear());

const PASSWORD = PEOPLE.get('johndoe') ?? '';

/** The sections of docs/users.md, by the name of their store, with the application of this test in them. */
const DOCUMENTED: Readonly<Record<string, object>> = Object.fromEntries(
  [...readFileSync('docs/users.md', 'utf8').matchAll(/```yaml\n([^`]+type: legacy_login[^`]+)```/g)].flatMap(
    ([, block = '']) => Object.entries(parse(block.replaceAll('https://intranet.example.com', app.url)).users),
  ),
);

const FORM = { ...DOCUMENTED.intranet, timeout: '5s' };
const JSON_API = { ...DOCUMENTED.crm, timeout: '5s' };
const BASIC = { ...DOCUMENTED.reports, timeout: '5s' };

function open(settings: object): LegacyLoginUserStore {
  return new LegacyLoginUserStore(legacyLoginUsers.parse({ type: 'legacy_login', ...settings }), undefined);
}

async function outcome(settings: object, username = 'johndoe', password = PASSWORD): Promise<unknown> {
  try {
    const verdict = await open(settings).verify(username, password);
    return verdict.outcome === 'accepted' ? verdict.user.attributes : verdict.outcome;
  } catch (error) {
    assert.ok(error instanceof GatewayError, String(error));
    return 'outage';
  }
}

for (const [kind, settings] of Object.entries({ form: FORM, JSON: JSON_API, Basic: BASIC })) {
  // RFC 7617 §2: there is no way to send a name with a colon by Basic.
  const isBlind = (username: string) => !('basic' in settings && username.includes(':'));
  userStoreContract(`a legacy login by ${kind}`, async () => open(settings), { isBlind });
}
userStoreOutages(
  'a legacy login',
  () => app.port,
  async (port) => {
    const moved = JSON.stringify(FORM).replaceAll(String(app.port), String(port));
    return open({ ...JSON.parse(moved), timeout: `${TIMEOUT_MS}ms`, concurrency: 4 });
  },
  false,
);

describe('what an application answers', () => {
  const accepted = { sub: 'johndoe', username: 'johndoe' };
  const bare = { url: `${app.url}/login`, form: { user: '{username}', pass: '{password}' } };
  const ok = { accept: { status: 200 }, reject: { status: 401 } };
  const ANSWERS: readonly [sentence: string, settings: object, answer: OddAnswer, expected: unknown][] = [
    ['the status of `accept`', ok, {}, accepted],
    ['the status of `reject`', ok, { status: 401 }, 'rejected'],
    ['neither', ok, { status: 500 }, 'outage'],
    ['both', { accept: { status: [200, 401] }, reject: { status: 401 } }, { status: 401 }, 'outage'],
    ['one of two signs', { accept: { status: 200, cookie: 'SID' }, reject: { status: 401 } }, {}, 'outage'],
    ['a text', { ...ok, accept: { body_contains: 'Welcome' } }, { body: 'Welcome!' }, accepted],
    [
      'a text in another charset',
      { ...ok, accept: { body_contains: 'Grüezi' } },
      { headers: { 'Content-Type': 'text/html; charset=ISO-8859-1' }, body: Buffer.from('Grüezi', 'latin1') },
      accepted,
    ],
    ['a charset that nobody knows', ok, { headers: { 'Content-Type': 'text/html; charset=klingon' } }, 'outage'],
    ['a cookie', { ...ok, accept: { cookie: 'SID' } }, { headers: { 'Set-Cookie': 'SID=1' } }, accepted],
    [
      'a cookie that is removed',
      { ...ok, accept: { cookie: 'SID' } },
      { headers: { 'Set-Cookie': 'SID=1; Max-Age=0' } },
      'outage',
    ],
    ['an empty cookie', { ...ok, accept: { cookie: 'SID' } }, { headers: { 'Set-Cookie': 'SID=' } }, 'outage'],
    [
      'JSON with more in it',
      { ...ok, accept: { json: { a: { b: [1] } } } },
      { body: '{"a":{"b":[1],"c":2}}' },
      accepted,
    ],
    ['JSON with another type', { ...ok, accept: { json: { ok: true } } }, { body: '{"ok":"true"}' }, 'outage'],
    ['JSON that is none', { ...ok, accept: { json: { ok: true } } }, { body: '{"ok":true' }, 'outage'],
    ['a member that every object has', { ...ok, accept: { json: { constructor: {} } } }, { body: '{}' }, 'outage'],
    ['a compressed answer', ok, { headers: { 'Content-Encoding': 'gzip' }, body: 'x' }, 'outage'],
    ['an endless answer', ok, { body: Buffer.alloc(2 * 1024 ** 2) }, 'outage'],
    ['attributes of JSON that is none', { ...ok, attributes: { cn: '$.cn' } }, { body: '<html>' }, 'outage'],
    ['an attribute that is not there', { ...ok, attributes: { cn: '$.cn' } }, { body: '{}' }, accepted],
    ['a `sub` that is not there', { ...ok, attributes: { sub: '$.id' } }, { body: '{}' }, 'outage'],
    [
      'a `sub` that is a number',
      { ...ok, attributes: { sub: '$.id' } },
      { body: '{"id":7}' },
      { ...accepted, sub: '7' },
    ],
    [
      'attributes of a list and of a cookie',
      { ...ok, attributes: { first: '$.groups.0', theme: 'cookie.theme' } },
      { body: '{"groups":["a"]}', headers: { 'Set-Cookie': 'theme="dark, %20"; Path=/' } },
      { ...accepted, first: 'a', theme: '"dark, %20"' },
    ],
  ];
  for (const [sentence, settings, answer, expected] of ANSWERS) {
    test(`${sentence}: ${typeof expected === 'string' ? expected : 'accepted'}`, async () => {
      app.odd.set('/login', answer);
      assert.deepEqual(await outcome({ ...bare, ...settings }), expected);
    });
  }

  const LOCATIONS: readonly [location: string, expected: string | string[], taken: boolean][] = [
    ['/home', '/home', true],
    ['/home?welcome=1#top', '/home', true],
    ['home', '/home', true],
    [`${app.url}/home`, '/home', true],
    ['/start', ['/home', '/start'], true],
    ['/login?error=1', '/login?error=1', true],
    ['/login?error=2', '/login?error=1', false],
    ['/homes', '/home', false],
    ['/', '/home', false],
    ['https://elsewhere.example/home', '/home', false],
    ['https://sso.example/home', 'https://sso.example/home', true],
    ['http://[', '/home', false],
  ];
  for (const [location, expected, taken] of LOCATIONS) {
    test(`a redirect to ${location} is ${taken ? '' : 'not '}one to ${expected}, and not followed`, async () => {
      app.odd.set('/login', { status: 302, headers: { Location: location } });
      const settings = { ...bare, accept: { location: expected }, reject: { status: 401 } };
      app.requests.length = 0;
      assert.deepEqual(await outcome(settings), taken ? accepted : 'outage');
      assert.deepEqual(app.requests, ['POST /login']);
    });
  }
});

describe('the way of a login', () => {
  test('page, form and `whoami` go with the cookies of this login alone', async () => {
    app.requests.length = 0;
    const logins = await Promise.all(Array.from(PEOPLE, ([name, password]) => outcome(FORM, name, password)));
    const expected = Array.from(PEOPLE.keys(), (username) => {
      return { sub: '7', username, cn: `Name of ${username}`, groups: ['agents'] };
    });
    assert.deepEqual(logins, expected);
    assert.equal(app.requests.length, 3 * PEOPLE.size);
  });

  const PAGES: readonly [sentence: string, path: string, answer: OddAnswer][] = [
    ['a page that is moved', '/login', { status: 302, headers: { Location: '/new' } }],
    ['a page without the field', '/login', { body: '<input name=csrf_token value=visible>' }],
    [
      'a page with two values of it',
      '/login',
      { body: '<input type=hidden name=csrf_token value=1><input type=hidden name=csrf_token value=2>' },
    ],
    ['a `whoami` that knows nobody', '/me', { status: 401, body: '{"id":7}' }],
    ['a `whoami` that is no JSON', '/me', { body: 'Hello' }],
  ];
  for (const [sentence, path, answer] of PAGES) {
    test(`${sentence} is an outage`, async () => {
      app.odd.set(path, answer);
      assert.equal(await outcome(FORM), 'outage');
    });
  }

  test('what the application would read as another user, or as nobody, is not sent', async () => {
    app.requests.length = 0;
    assert.equal(await outcome(BASIC, 'john:doe'), 'unknown');
    assert.equal(await outcome(FORM, 'john\r\ndoe'), 'unknown');
    assert.equal(await outcome(FORM, 'johndoe', ''), 'rejected');
    assert.deepEqual(app.requests, []);
  });

  test('placeholders in what a user typed stay as they are', async () => {
    assert.equal(await outcome(JSON_API, '{password}', PASSWORD), 'rejected');
    assert.equal(await outcome(FORM, '{password}', '{username}'), 'rejected');
  });

  test('a gateway logs in, refreshes without asking again, and tells an outage apart', async (context) => {
    const gateway = await startGateway(context, { users: { intranet: FORM } });
    const credentials = { username: 'johndoe', password: PASSWORD };
    const granted = await login(gateway, credentials);
    assert.equal(granted.status, 200);
    assert.equal((await login(gateway, { ...credentials, password: 'wrong' })).body.error, 'invalid_grant');
    app.requests.length = 0;
    const refresh_token = granted.body.refresh_token ?? '';
    const refreshed = await requestToken(gateway, { grant_type: 'refresh_token', refresh_token });
    assert.equal(claimsOf(refreshed.body.access_token).customData?.cn, 'Name of johndoe');
    assert.deepEqual(app.requests, []);
    app.odd.set('/login', { status: 502 });
    assert.equal((await login(gateway, credentials)).body.error, 'temporarily_unavailable');
    assert.doesNotMatch(JSON.stringify(gateway.records), new RegExp(PASSWORD));
  });
});

describe('hidden fields of a page', () => {
  const PAGES: readonly [sentence: string, html: string, values: string[]][] = [
    ['in quotes', '<input type="hidden" name="t" value="a b">', ['a b']],
    ['in single quotes', "<input type='hidden' name='t' value='a>\"b'>", ['a>"b']],
    ['without quotes', '<input type=hidden name=t value=a/b>', ['a/b']],
    ['in any case and order, with blanks', '<INPUT\n Value = "1"  NAME="t"\tType = HIDDEN />', ['1']],
    ['without a value', '<input type=hidden name=t>', ['']],
    ['with references', '<input type=hidden name=t value="&lt;&#65;&#x2b;&amp;lt;&nbsp;">', ['<A+&lt;&nbsp;']],
    ['the first of two attributes', '<input type=hidden name=t value=1 value=2>', ['1']],
    ['twice', '<input type=hidden name=t value=1><p><input type=hidden name=t value=2>', ['1', '2']],
    ['that are visible', '<input type=text name=t value=1><input name=t value=2>', []],
    ['in a comment', '<!-- <input type=hidden name=t value=1> -->', []],
    ['in a script', '<script>"<input type=hidden name=t value=1>"</script >', []],
    ['in an attribute', '<p title="<input type=hidden name=t value=1>">', []],
    ['behind a < that is text', '1 < 2 <input type=hidden name=t value=1>', ['1']],
    ['behind a comment without an end', '<!-- <input type=hidden name=t value=1>', []],
    ['behind a quote without an end', '<p title="><input type=hidden name=t value=1>', []],
    ['of another element', '<button type=hidden name=t value=1></button>', []],
  ];
  for (const [sentence, html, values] of PAGES) {
    test(sentence, () => assert.deepEqual(hiddenFields(html).get('t') ?? [], values));
  }

  test('a page that is made to be slow is read in one pass', () => {
    for (const piece of [
      '<',
      '<a',
      '<a ',
      '<a b="',
      '<!--',
      '<script>',
      '<script></script>',
      "<a b='c' ",
      '<input type=hidden name=t>',
      ' ',
    ]) {
      const started = performance.now();
      hiddenFields(`<p ${piece.repeat(1024 ** 2 / piece.length)}`);
      hiddenFields(piece.repeat(1024 ** 2 / piece.length));
      assert.ok(performance.now() - started < 1000, piece);
    }
  });
});

function claimsOf(token = ''): { customData?: { cn?: string } } {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
}
