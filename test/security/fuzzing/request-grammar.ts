import type { Random } from './random.ts';

/** Stands for an access token in what is made here. Whoever sends it says which. */
export const TOKEN = '{{token}}';
/** As `TOKEN`, with one character changed. */
export const SPOILT_TOKEN = '{{spoilt}}';

/**
 * What an attacker sends to a connection: a request, or several, of which most parts are as they should be and some are
 * not, and in some cases bytes changed at random. Latin-1.
 */
export function attack(random: Random): string {
  const requests = Array.from({ length: random.chance(0.2) ? 2 + random.below(2) : 1 }, () => request(random));
  const bytes = (random.chance(0.03) ? random.pick(['\r\n', '\n', '\0', ' ', '\r\n\r\n']) : '') + requests.join('');
  return random.chance(0.7) ? bytes : disturb(random, bytes);
}

function request(random: Random): string {
  if (random.chance(0.2)) return tokenRequest(random);
  const method = random.chance(0.95) ? random.pick(METHODS) : random.pick(ODD_METHODS);
  const { lines, body } = random.chance(0.4) ? framed(random) : { lines: [], body: '' };
  const headers = [...hosts(random), ...credentials(random), ...lines, ...random.some(HEADERS, 4)];
  if (random.chance(0.08)) headers.push(random.pick(ODD_HEADERS));
  if (random.chance(0.12)) headers.push(...UPGRADE, ...random.some(ODD_UPGRADES, 1));
  if (random.chance(0.02)) headers.push(...many(random));
  return message(random, `${method} ${target(random)} ${version(random)}`, headers, body);
}

function message(random: Random, requestLine: string, headers: readonly string[], body: string): string {
  const inOrder = random.chance(0.2) ? [...headers].sort(() => random.next() - 0.5) : headers;
  const lineEnd = random.chance(0.02) ? random.pick(['\n', '\r', '\r\r\n', '\r\n ']) : '\r\n';
  return `${[requestLine, ...inOrder].join(lineEnd)}\r\n\r\n${body}`;
}

const METHODS = ['GET', 'GET', 'GET', 'POST', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'HEAD'];
const ODD_METHODS = ['TRACE', 'CONNECT', 'PRI', 'get', '', 'M-SEARCH', 'G\tET', 'PROPFIND', 'QUERY', 'POST GET'];

function version(random: Random): string {
  return random.chance(0.94)
    ? 'HTTP/1.1'
    : random.pick(['HTTP/1.0', 'HTTP/0.9', 'HTTP/2.0', 'HTTP/1.10', 'http/1.1', '']);
}

const PATHS = ['/api/x', '/api/x', '/api/x', '/api/x', '/api/chat', '/api', '/admin/x', '/', '/token', '/introspect'];
const DOCUMENTS = [
  '/.well-known/jwks.json',
  '/.well-known/oauth-authorization-server',
  '/.well-known/openid-configuration',
];
const ODD_SEGMENTS = [
  ...['..', '.', '%2e%2e', '%2E.', '..;', '..;a=b', '.%00.', '%252e%252e', '..%2f', '%2f', '%5c', '\\', '..\\', ''],
  ...['%', '%0', '%zz', '%00', '%0d%0aX-Injected:%201', '%c0%ae', '%ff', '%ed%a0%80', '%e2%80%ae', 'é', '#', '#/api/x'],
  ...['__proto__', 'constructor', 'admin', 'ADMIN', '%61dmin', 'admin;x', 'admin%20', 'x?access_token=y', '{id}', '**'],
];
const QUERIES = [
  '?a=b',
  '?',
  '??',
  '?access_token=x',
  '?grant_type=password',
  '?a[]=1&a[]=2',
  '?%',
  '?\x00',
  '?a=\r\nX-Injected:1',
];

function target(random: Random): string {
  let path = random.chance(0.95) ? random.pick(PATHS) : random.pick(DOCUMENTS);
  while (random.chance(0.12)) path = `${path}/${random.pick(ODD_SEGMENTS)}`;
  if (random.chance(0.03)) path = random.pick(['//x', 'http://x', 'https://x:y@z', 'x:80', '*', '']) + path;
  if (random.chance(0.01)) path += 'a'.repeat(random.pick([8100, 8192, 20_000]));
  return random.chance(0.2) ? path + random.pick(QUERIES) : path;
}

function hosts(random: Random): string[] {
  if (random.chance(0.97)) return ['Host: x'];
  return random.pick([
    [],
    ['Host: x', 'Host: y'],
    ['Host:'],
    ['Host: a/b@c'],
    ['Host: [::1]:99999'],
    ['host : x'],
    ['Host: %61'],
  ]);
}

function credentials(random: Random): string[] {
  if (random.chance(0.8)) return [`Authorization: Bearer ${TOKEN}`];
  return random.pick<(random: Random) => string[]>([
    () => [],
    () => [`Authorization: bearer  ${TOKEN}`],
    () => [`Authorization: DPoP ${TOKEN}`, `DPoP: ${forged(random)}`],
    () => [`Authorization: Bearer ${SPOILT_TOKEN}`],
    () => [`Authorization: Bearer ${TOKEN}`, `Authorization: Bearer ${SPOILT_TOKEN}`],
    () => [`Authorization: Bearer ${forged(random)}`],
    () => [`Authorization: Bearer ${TOKEN}, Bearer x`],
    () => [`Authorization:\tBasic ${base64(random.pick(['web:x', 'ann:correct horse', ':', '\xff', 'a\x00b:c']))}`],
    () => [`Authorization: ${random.bytes(12).replaceAll(/[\r\n]/g, '')}`],
    () => [`Proxy-Authorization: Bearer ${TOKEN}`, `Cookie: access_token=${TOKEN}`],
  ])(random);
}

const JOSE_HEADERS = [
  { alg: 'none' },
  { alg: 'HS256', typ: 'at+jwt' },
  { alg: 'ES256', typ: 'at+jwt', kid: '../../dev/null' },
  { alg: 'ES256', typ: 'at+jwt', jku: 'http://127.0.0.1:1/', x5u: 'http://127.0.0.1:1/' },
  { alg: 'ES256', typ: 'dpop+jwt', jwk: { kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA' } },
  { alg: 'RS256', typ: 'at+jwt', crit: ['b64'], b64: false },
  { alg: 'dir', enc: 'A128GCM' },
  { alg: ['ES256'], typ: {}, kid: 1 },
  { __proto__: null, alg: 'toString' },
  [],
  1,
  null,
];
const CLAIMS = [
  { iss: 'https://gateway.example/auth', aud: 'https://api.example', scope: 'read admin', exp: 9999999999, sub: 'x' },
  { iss: ['https://gateway.example/auth'], exp: '9', scope: ['read'] },
  { iss: 'https://gateway.example/auth', exp: 1e308, iat: -1, cnf: { jkt: {}, 'x5t#S256': [] } },
  { iss: 'http://127.0.0.1:1', aud: [], exp: null },
  { htm: 'GET', htu: 'http://[', iat: 1e9, jti: 'x'.repeat(2000), ath: '' },
  'text',
  [],
  null,
];

/** A token that is signed with nothing. */
function forged(random: Random): string {
  const parts = [
    JSON.stringify(random.pick(JOSE_HEADERS)),
    JSON.stringify(random.pick(CLAIMS)),
    random.bytes(random.pick([0, 1, 64, 256])),
  ];
  const token = parts
    .map((part) => base64(part).replace(/=+$/, '').replaceAll('+', '-').replaceAll('/', '_'))
    .join('.');
  return random.chance(0.3)
    ? random.pick([`${token}.`, `.${token}`, `${token}.${token}`, token.slice(3), 'a.b.c', '..', '....'])
    : token;
}

function base64(text: string): string {
  return Buffer.from(text, 'latin1').toString('base64');
}

const CODINGS = [
  'chunked',
  'chunked',
  'Chunked',
  'chunked, chunked',
  'gzip, chunked',
  'identity',
  'xchunked',
  '\x0bchunked',
  'chunked;a=b',
  '',
];
/** What would be a request, if it stood alone. */
const SMUGGLED = 'GET /admin/x HTTP/1.1\r\nHost: x\r\n\r\n';
const BODIES = ['', 'abc', '{"a":1}', SMUGGLED, `0\r\n\r\n${SMUGGLED}`, 'a'.repeat(70_000), '\0\xff\r\n'];

interface Framed {
  readonly lines: readonly string[];
  readonly body: string;
}

function framed(random: Random): Framed {
  const body = random.pick(BODIES);
  if (random.chance(0.5)) {
    const length = random.chance(0.85)
      ? String(body.length)
      : random.pick([
          `${body.length + 1}`,
          '0',
          '-1',
          '+3',
          '3, 3',
          '0x3',
          '1e1',
          '99999999999',
          '18446744073709551619',
          '',
          ' 3 ',
        ]);
    const lines = [`Content-Length: ${length}`];
    if (random.chance(0.1))
      lines.push(random.pick([`Content-Length: ${body.length}`, 'Transfer-Encoding: chunked', 'Content_Length: 1']));
    return { lines, body };
  }
  const lines = [`Transfer-Encoding: ${random.chance(0.8) ? 'chunked' : random.pick(CODINGS)}`];
  if (random.chance(0.05)) lines.push('Transfer-Encoding: chunked');
  return { lines, body: chunked(random, body) };
}

function chunked(random: Random, body: string): string {
  const half = random.below(body.length + 1);
  const chunks = [body.slice(0, half), body.slice(half)]
    .filter((part) => part.length > 0)
    .map((part) => chunk(random, part));
  const trailers = random.chance(0.1)
    ? random.pick(['X-Injected: 1\r\n', 'Content-Length: 5\r\n', `Authorization: Bearer x\r\n`, ': \r\n'])
    : '';
  const last = random.chance(0.93) ? '0' : random.pick(['00000', '0;a', '0 ', '-0', '', '0x0']);
  return `${chunks.join('')}${last}\r\n${trailers}\r\n`;
}

function chunk(random: Random, part: string): string {
  const usual = part.length.toString(16);
  const size = random.chance(0.93)
    ? usual
    : random.pick([
        `${usual};a="b`,
        `0${usual}`,
        ` ${usual}`,
        `${usual} `,
        `0x${usual}`,
        'ffffffffffffffff',
        `-${usual}`,
        `${usual}\n`,
        '1',
      ]);
  return `${size}\r\n${part}${random.chance(0.98) ? '\r\n' : random.pick(['', '\n', 'x\r\n'])}`;
}

const HEADERS = [
  'Connection: close',
  'Connection: keep-alive',
  'Connection: X-User, Authorization, Content-Length, Host, close',
  'Keep-Alive: timeout=1',
  'X-User: root',
  'X_User: root',
  'x.user: root',
  'X-Forwarded-For: 127.0.0.1',
  'X_Forwarded-Proto: https',
  'Forwarded: for=127.0.0.1;host=admin',
  'Expect: 100-continue',
  'Trailer: X-Injected, Content-Length',
  'TE: trailers',
  'Proxy-Connection: keep-alive',
  'X-HTTP-Method-Override: DELETE',
  'X-Original-URL: /admin/x',
  'X-Request-Id: a',
  `X-Request-Id: ${'a'.repeat(300)}`,
  'traceparent: 00-00000000000000000000000000000000-0000000000000000-00',
  'Origin: https://app.example',
  'Origin: null',
  'Access-Control-Request-Method: POST',
  'Content-Type: application/x-www-form-urlencoded',
  'Content-Encoding: gzip',
  '__proto__: x',
  'constructor: x',
  'Cookie: a=b; a=c',
  'Accept-Encoding: gzip;q=x',
  'X-Latin: \xe9\xff',
  'X-Empty:',
  'HTTP2-Settings: AAMAAABkAAQAAP__',
  'Range: bytes=0-',
];
/** Most of them make a request malformed. */
const ODD_HEADERS = [
  'Connection: upgrade',
  'Expect: 200-ok',
  'X-Request-Id: a\r\nX-Request-Id: b',
  'Client-Cert: :AAAA:',
  'X-Control: a\x01b',
  'X-Nul: a\0b',
  'X-Fold: a\r\n b',
  'X-Space : a',
  ': nothing',
];

const UPGRADE = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
];
const ODD_UPGRADES = [
  'Upgrade: h2c',
  'Sec-WebSocket-Version: 8',
  'Sec-WebSocket-Key: x',
  'Content-Length: 3',
  'Transfer-Encoding: chunked',
  'Sec-WebSocket-Protocol: ,,',
];

function many(random: Random): string[] {
  const header = random.pick([
    'A: b',
    'a:',
    'Authorization: x',
    'Connection: a',
    'Cookie: a=b',
    `X: ${'y'.repeat(500)}`,
  ]);
  return Array.from({ length: random.pick([30, 100, 2000, 4000]) }, () => header);
}

const FORM = 'application/x-www-form-urlencoded';
const FORM_TYPES = [
  `${FORM};charset=utf-8`,
  `${FORM};charset=utf-7`,
  `${FORM};charset=\xff`,
  'application/json',
  'multipart/form-data',
  'a/b/c',
  '',
];
const WEB = 'web:7de316288b4eb1d57ea5a190abbec68b';
const CLIENTS = ['', WEB, WEB, 'web:wrong', 'nobody:x', 'web', '%zz:%', '\xff:\0'].map((pair) =>
  pair ? [`Authorization: Basic ${base64(pair)}`] : [],
);
const FORMS = [
  'grant_type=password&username=ann&password=correct+horse',
  'grant_type=password&username=ann&password=wrong&scope=read',
  'grant_type=password&username=nobody%00&password=%ff&scope=read+read',
  `grant_type=password&username=${'a'.repeat(5000)}&password=${'%61'.repeat(2000)}`,
  'grant_type=refresh_token&refresh_token=prt_x.y.z',
  'grant_type=client_credentials&scope=read',
  'grant_type=client_credentials&client_id=web&client_secret=x',
  'grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer&assertion=a.b.c',
  'grant_type=__proto__&constructor=x&toString=y',
  'client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer&client_assertion={{forged}}&grant_type=client_credentials',
  'token={{forged}}&token_type_hint=access_token',
  'token=x&token=y',
  'a[b][c]=d&a[b]=e&&&=&==',
  `${'a%5B'.repeat(4000)}=1`,
  `scope=${'read+'.repeat(3000)}&grant_type=client_credentials`,
];

function tokenRequest(random: Random): string {
  const form = random.pick(FORMS).replace('{{forged}}', () => encodeURIComponent(forged(random)));
  const type = random.chance(0.9) ? FORM : random.pick(FORM_TYPES);
  const headers = [...hosts(random), ...random.pick(CLIENTS), `Content-Type: ${type}`, ...random.some(HEADERS, 2)];
  if (random.chance(0.05))
    headers.push(`Content-Encoding: ${random.pick(['gzip', 'deflate', 'br', 'x', 'gzip, gzip'])}`);
  const isChunked = random.chance(0.1);
  headers.push(isChunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${form.length}`);
  const path = random.pick(['/token', '/token', '/token', '/revoke', '/introspect']);
  return message(random, `POST ${path} HTTP/1.1`, headers, isChunked ? chunked(random, form) : form);
}

const SPECIAL = [
  ...[
    '\r\n',
    '\n',
    '\r',
    '\0',
    ' ',
    '\t',
    ':',
    ';',
    ',',
    '"',
    '\\',
    '%',
    '%00',
    '/',
    '..',
    '#',
    '?',
    '\x7f',
    '\x80',
    '\xff',
  ],
  ...['\r\n\r\n', 'Content-Length: 1\r\n', 'Transfer-Encoding: chunked\r\n', '0\r\n\r\n', 'HTTP/1.1', SMUGGLED, TOKEN],
];

type Disturbance = (random: Random, before: string, taken: string, after: string) => string;

/** Each gets the text in three parts and puts it together again. */
const DISTURBANCES: readonly Disturbance[] = [
  (_, before, _taken, after) => before + after,
  (_, before, taken, after) => before + taken + taken + after,
  (random, before, taken, after) => before + random.pick(SPECIAL) + taken + after,
  (random, before, taken, after) => before + random.pick(SPECIAL) + taken.slice(1) + after,
  (random, before, taken, after) => before + random.bytes(taken.length) + after,
  (_, before, taken, after) => before + [...taken].reverse().join('') + after,
  (_, before, taken, after) =>
    before + (taken === taken.toUpperCase() ? taken.toLowerCase() : taken.toUpperCase()) + after,
  (_, before, taken, after) => after + taken + before,
  (_, before, taken) => before + taken,
];

function disturb(random: Random, bytes: string): string {
  let disturbed = bytes;
  for (let times = 1 + random.below(4); times > 0; times -= 1) {
    const from = random.below(disturbed.length + 1);
    const to = Math.min(disturbed.length, from + (random.chance(0.7) ? 1 + random.below(4) : random.below(60)));
    const act = random.pick(DISTURBANCES);
    disturbed = act(random, disturbed.slice(0, from), disturbed.slice(from, to), disturbed.slice(to));
  }
  return disturbed;
}
