import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { GatewayError } from '../../src/errors.ts';
import { createMatcher } from '../../src/routing/matcher.ts';
import { routesOf } from './routes.ts';

/** The matched route's path and parameters, or the code of the refusal. */
function outcome(
  matcher: ReturnType<typeof createMatcher>,
  path: string,
  method = 'GET',
  host = 'any.example',
): string {
  try {
    const { route, parameters, tail } = matcher.match(host, path, method);
    const values = Object.entries(parameters).map(([name, value]) => ` ${name}=${value}`);
    return `${route.host ?? ''}${route.path}${values.join('')}${tail === '' ? '' : ` + ${tail}`}`;
  } catch (error) {
    assert.ok(error instanceof GatewayError);
    return error.headers.Allow === undefined ? error.code : `${error.code}: ${error.headers.Allow}`;
  }
}

describe('the most specific path wins', () => {
  const matcher = createMatcher(
    routesOf(
      '/',
      '/orders',
      '/orders/{id}',
      { path: '/orders/export', methods: ['POST'] },
      '/orders/{id}/lines/{line}',
      '/orders/mine/lines/first/note',
      '/orders/**',
      '/{tenant}/orders',
      '/files/**',
      '/files/public/**',
      '/bücher',
      '/__proto__/{constructor}',
    ),
  );
  const rows: [sentence: string, path: string, expected: string, method?: string][] = [
    ['the root', '/', '/'],
    ['a literal', '/orders', '/orders'],
    ['a parameter', '/orders/7', '/orders/{id} id=7'],
    ['a parameter keeps its escapes', '/orders/a%20b', '/orders/{id} id=a%20b'],
    ['two parameters', '/orders/7/lines/8', '/orders/{id}/lines/{line} id=7 line=8'],
    ['a literal before a parameter', '/orders/export', '/orders/export', 'POST'],
    [
      'going back from a literal that leads nowhere',
      '/orders/mine/lines/2',
      '/orders/{id}/lines/{line} id=mine line=2',
    ],
    ['going back further, to the tail', '/orders/mine/lines/first/x', '/orders/** + /mine/lines/first/x'],
    ['a tail matches what is below', '/orders/7/x/y', '/orders/** + /7/x/y'],
    ['a tail matches its own path', '/files', '/files/**'],
    ['a tail matches its own path with a slash', '/files/', '/files/** + /'],
    ['the longer tail', '/files/public/a', '/files/public/** + /a'],
    ['a tail does not match half a segment', '/filesystem', 'not_found'],
    ['a parameter is not empty', '//orders', 'not_found'],
    ['a parameter before other literals', '/acme/orders', '/{tenant}/orders tenant=acme'],
    ['a slash at the end is another path', '/acme/orders/', 'not_found'],
    ['a literal beyond ASCII', '/b%C3%BCcher', '/bücher'],
    ['names of Object.prototype are names', '/__proto__/x', '/__proto__/{constructor} constructor=x'],
    ['and found nowhere else', '/constructor', 'not_found'],
    ['an unknown path', '/nowhere', 'not_found'],
    ['case matters', '/Orders', 'not_found'],
    ['the broader rule does not step in for a method', '/orders/export', 'method_not_allowed: POST'],
    ['TRACE is no default', '/orders', 'method_not_allowed: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS', 'TRACE'],
    ['nor is CONNECT', '/orders', 'method_not_allowed: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS', 'CONNECT'],
    ['methods are case-sensitive', '/orders/export', 'method_not_allowed: POST', 'post'],
  ];
  for (const [sentence, path, expected, method] of rows) {
    test(sentence, () => assert.equal(outcome(matcher, path, method), expected));
  }
});

test('routes of one path and other methods are told apart, and Allow has them all', () => {
  const matcher = createMatcher(
    routesOf({ path: '/a/{x}', methods: ['GET', 'HEAD'] }, { path: '/a/{y}', methods: ['PUT'] }),
  );
  assert.equal(outcome(matcher, '/a/1', 'GET'), '/a/{x} x=1');
  assert.equal(outcome(matcher, '/a/1', 'PUT'), '/a/{y} y=1');
  assert.equal(outcome(matcher, '/a/1', 'DELETE'), 'method_not_allowed: GET, HEAD, PUT');
});

describe('routes with a host come first', () => {
  const matcher = createMatcher(
    routesOf(
      { path: '/a', host: 'api.example' },
      { path: '/a', host: 'api.example:8443' },
      { path: '/only', host: 'api.example', methods: ['POST'] },
      { path: '/six', host: '[::1]' },
      '/a',
      '/b',
      '/only',
    ),
  );
  const rows: [sentence: string, host: string, path: string, expected: string][] = [
    ['its host', 'api.example', '/a', 'api.example/a'],
    ['any case', 'API.EXAMPLE', '/a', 'api.example/a'],
    ['any port', 'api.example:80', '/a', 'api.example/a'],
    ['a dot at the end', 'api.example.', '/a', 'api.example/a'],
    ['a dot at the end and a port', 'api.example.:80', '/a', 'api.example/a'],
    ['a rule that names the port is before one that does not', 'api.example:8443', '/a', 'api.example:8443/a'],
    ['another host', 'example', '/a', '/a'],
    ['a host that only ends alike', 'my.api.example', '/a', '/a'],
    ['no host', '', '/a', '/a'],
    ['a path that the host does not have', 'api.example', '/b', '/b'],
    ['a method that the host does not have', 'api.example', '/only', 'method_not_allowed: POST'],
    ['an IPv6 address', '[::1]:8080', '/six', '[::1]/six'],
  ];
  for (const [sentence, host, path, expected] of rows) {
    test(sentence, () => assert.equal(outcome(matcher, path, 'GET', host), expected));
  }
});

// A gateway compares paths exactly; many upstreams do not. Where another rule would then be the right one, guessing would
// be a way around it: `GET /status/ADMIN` under a public `/status/**` is served by IIS as the protected `/status/admin`.
describe('a path that could be taken for another route’s is refused', () => {
  const matcher = createMatcher(
    routesOf(
      { path: '/status/**', public: true },
      '/status/admin',
      { path: '/status/admin/audit', methods: ['POST'] },
      '/status/a:b',
      '/users/{id}',
      '/users/me',
      '/files/**',
      { path: '/blobs/{name}', encoded_slashes: true },
      '/blobs/secret/key',
      '/blobs/private/**',
      { path: '/**', host: 'site.example' },
      { path: '/projects/{id}', host: 'site.example', encoded_slashes: true },
    ),
  );
  const rows: [sentence: string, path: string, expected: string, host?: string][] = [
    ['the protected path itself', '/status/admin', '/status/admin'],
    ['upper case', '/status/ADMIN', 'invalid_request'],
    ['one letter in upper case', '/status/admiN', 'invalid_request'],
    ['upper case before the tail', '/STATUS/admin', 'not_found'],
    ['matrix parameters', '/status/admin;x=1', 'invalid_request'],
    ['encoded matrix parameters', '/status/admin%3Bx=1', 'invalid_request'],
    ['a slash at the end', '/status/admin/', 'invalid_request'],
    ['a segment of nothing but parameters', '/status/;x/admin', 'invalid_request'],
    ['a dot at the end', '/status/admin.', 'invalid_request'],
    ['a blank at the end', '/status/admin%20', 'invalid_request'],
    ['an escaped character that the protected path has raw', '/status/a%3Ab', 'invalid_request'],
    ['a letter that lower-cases into ASCII', '/users/%E2%84%AA', '/users/{id} id=%E2%84%AA'],
    ['a protected path whose method differs', '/status/ADMIN/audit', 'invalid_request'],
    ['below the protected path', '/status/ADMIN/x', '/status/** + /ADMIN/x'],
    ['upper case that is nobody else’s', '/status/Berlin', '/status/** + /Berlin'],
    ['parameters that are nobody else’s', '/status/berlin;x=1', '/status/** + /berlin;x=1'],
    ['a slash that is nobody else’s', '/status/berlin/', '/status/** + /berlin/'],
    ['an id in upper case', '/users/ABC', '/users/{id} id=ABC'],
    ['an id that differs from a literal in case only', '/users/ME', 'invalid_request'],
    ['an encoded slash', '/files/a%2Fb', 'invalid_request'],
    ['an encoded slash where there is no route', '/nowhere/a%2Fb', 'invalid_request'],
    ['an encoded slash where the route allows it', '/blobs/a%2Fb', '/blobs/{name} name=a%2Fb'],
    ['an encoded slash that hides a literal', '/blobs/secret%2Fkey', 'invalid_request'],
    ['an encoded slash that hides a tail', '/blobs/private%2Fkey', 'invalid_request'],
    ['an encoded slash and upper case', '/blobs/PRIVATE%2Fkey', 'invalid_request'],
    ['an encoded slash beside a catch-all', '/projects/a%2Fb', 'site.example/projects/{id} id=a%2Fb', 'site.example'],
  ];
  for (const [sentence, path, expected, host] of rows) {
    test(sentence, () => assert.equal(outcome(matcher, path, 'GET', host), expected));
  }
});

describe('what came near is told, with what kept it', () => {
  const matcher = createMatcher(
    routesOf(
      { path: '/orders/{id}', methods: ['GET'] },
      { path: '/orders/{name}', methods: ['PUT'] },
      '/orders/**',
      { path: '/orders/{id}', host: 'other.example' },
      '/Users',
      '/docs/public/**',
    ),
  );
  const rows: [sentence: string, method: string, path: string, misses: string[]][] = [
    ['another method, and broader paths', 'GET', '/orders/7', ['2 method', '3 specificity', '4 host']],
    ['all methods of the path', 'DELETE', '/orders/7', ['1 method', '2 method', '3 specificity', '4 host']],
    ['other hosts', 'GET', '/orders/7/lines', []],
    ['another case', 'GET', '/users', ['5 spelling']],
    ['a slash at the end', 'GET', '/Users/', ['5 spelling']],
    ['a slash at the end of a parameter', 'GET', '/orders/7/', ['1 spelling', '2 spelling']],
    ['nothing', 'GET', '/nowhere', []],
  ];
  for (const [sentence, method, path, misses] of rows) {
    test(sentence, () => {
      const found = matcher.nearMisses('any.example', path, method);
      assert.deepEqual(
        found.map(({ route, because }) => `${route.at.line} ${because}`),
        misses,
      );
    });
  }
});

test('all routes are told in the order in which they are looked at', () => {
  const { routes } = createMatcher(
    routesOf(
      '/**',
      '/a/**',
      '/a/{x}',
      { path: '/', host: 'a.example' },
      { path: '/a/b', methods: ['GET'] },
      { path: '/a/b', methods: ['PUT'] },
      { path: '/a/{y}/c', host: 'a.example:8443' },
      '/a/{x}/d',
      '/',
    ),
  );
  assert.deepEqual(
    routes.map(({ at }) => at.line),
    [7, 4, 5, 6, 3, 8, 2, 9, 1],
  );
});

test('ten thousand routes cost no more than ten', () => {
  const few = createMatcher(routesOf(...paths(10)));
  const many = createMatcher(routesOf(...paths(10_000)));
  assert.equal(outcome(many, '/service9999/v1/items/42'), '/service9999/v1/items/{id} id=42');
  assert.equal(outcome(many, '/service10000/v1/items/42'), 'not_found');
  const [small, large] = [perMatch(few, '/service7/v1/items/42'), perMatch(many, '/service7777/v1/items/42')];
  // A list of rules would take a thousand times as long.
  assert.ok(large < small * 20 + 0.005, `${large} ms against ${small} ms`);
});

function paths(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `/service${index}/v1/items/{id}`);
}

function perMatch(matcher: ReturnType<typeof createMatcher>, path: string): number {
  const rounds = 20_000;
  const started = performance.now();
  for (let round = 0; round < rounds; round += 1) matcher.match('any.example', path, 'GET');
  return (performance.now() - started) / rounds;
}
