/**
 * An upstream believes what the gateway tells it in headers: who calls, from which address, over which scheme, for which
 * host. An attacker sends these headers with the request, in a spelling that the gateway overlooks and the upstream does not:
 * CGI, WSGI, PHP and Rack make one variable of `X-User` and `X_User`. Or names them in `Connection`, so that the gateway
 * takes its own ones off again as hop-by-hop. Or sends a header twice, so that the guard reads one and the upstream another.
 *
 * CVE-2025-64484: OAuth2 Proxy let `X_Forwarded_*` through. CVE-2026-39858: so did Traefik, and with it identity headers;
 * CVE-2026-54763: after that was mended, still those with underscores. GHSA-7r4p-vjf4-gxv4 (CVE-2026-30851): Caddy's `copy_headers`
 * left the client's own header in place where the authority had not said that one.
 *
 * The promise: what the gateway says arrives once and is its own, whatever the client sends. Host changes neither issuer nor
 * target, and no spelling of a host leads around its routes.
 */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { BASIC, login, PASSWORD, startGateway } from '../support/gateway.ts';
import { sendRaw, statuses } from '../support/raw.ts';
import { startRecordingUpstream } from '../support/recording-upstream.ts';

const upstream = await startRecordingUpstream({ after });
const gateway = await startGateway(
  { after },
  {
    upstreams: {
      api: { targets: [upstream.url], identity_headers: { 'X-User': '{token.sub}', 'X-Team': '{token.team}' } },
    },
    routes: [
      { path: '/open', public: true, upstream: 'api' },
      { path: '/closed', scopes: ['read'], upstream: 'api' },
      { path: '/host', public: true, upstream: 'api' },
      { path: '/host', host: 'admin.example', upstream: 'api' },
    ],
  },
);
const TOKEN = (await login(gateway, { scope: 'read' })).body.access_token ?? '';
const BEARER = `Authorization: Bearer ${TOKEN}`;

/** Sends a request with these header lines: the answer's status code, and what the upstream got. */
async function ask(path: string, lines: readonly string[], body = ''): Promise<{ status: number; reached: string[] }> {
  const before = upstream.connections.length;
  const host = lines.some((line) => /^host:/i.test(line)) ? [] : ['Host: x'];
  const head = [`${body ? 'POST' : 'GET'} ${path} HTTP/1.1`, ...host, ...lines];
  if (!lines.some((line) => /^connection:/i.test(line))) head.push('Connection: close');
  const answer = statuses(await sendRaw(gateway, `${head.join('\r\n')}\r\n\r\n${body}`, 2000));
  return { status: answer.at(-1) ?? 0, reached: upstream.connections.slice(before) };
}

/** All values of a header in what the upstream got, spelt as CGI reads it. */
function valuesOf(bytes: string | undefined, variable: string): string[] {
  const lines = bytes?.slice(0, bytes.indexOf('\r\n\r\n')).split('\r\n').slice(1) ?? assert.fail('nothing came');
  const headers = lines.map((line) => line.split(/: ?(.*)/s));
  const named = headers.filter(([name = '']) => name.toLowerCase().replace(/[^a-z0-9]/g, '_') === variable);
  return named.map(([, value = '']) => value);
}

describe('who calls is what the token says', () => {
  const rows: [sentence: string, ...lines: string[]][] = [
    ['as the gateway writes it', 'X-User: root'],
    ['in lower case', 'x-user: root'],
    ['in upper case', 'X-USER: root'],
    ['twice', 'X-User: root', 'x-user: root'],
    ['empty', 'X-User:'],
    ['behind a tab and before blanks', 'X-User:\troot \t '],
    ...[..."_.~!#$%&'*+^`|"].map((character): [string, string] => [
      `with ${character} for its hyphen`,
      `X${character}User: root`,
    ]),
    ['named in Connection', 'Connection: close, X-User', 'X-User: root'],
    ['named in Connection in another spelling', 'Connection: close, x_user', 'X_User: root'],
    ['named in a second Connection', 'Connection: close', 'Connection: X-User, X-Request-Id'],
    ['named in Connection and not sent', 'Connection: close, X-User'],
    ['named in Connection with tabs', 'Connection: close,\tX-User\t'],
    ['named in Connection among empty ones', 'Connection: ,,close,, X-User,,'],
    ['named in Proxy-Connection and Keep-Alive', 'Proxy-Connection: X-User', 'Keep-Alive: X-User', 'X_User: root'],
    ['named in TE and Trailer', 'TE: X-User', 'Trailer: X-User', 'X_User: root'],
  ];
  for (const [sentence, ...lines] of rows) {
    test(`X-User, ${sentence}`, async () => {
      const closed = await ask('/closed', [BEARER, ...lines]);
      assert.deepEqual([closed.status, valuesOf(closed.reached[0], 'x_user')], [200, ['u-1']]);
      const open = await ask('/open', lines);
      assert.deepEqual([open.status, valuesOf(open.reached[0], 'x_user')], [200, []]);
    });
  }

  test('a header whose claim the token lacks is not taken from the client instead', async () => {
    const { reached } = await ask('/closed', [BEARER, 'X-Team: root', 'X_Team: root']);
    assert.deepEqual(valuesOf(reached[0], 'x_team'), []);
  });

  test('trailers are none of it', async () => {
    const lines = [BEARER, 'Transfer-Encoding: chunked', 'Trailer: X-User'];
    const { reached } = await ask('/closed', lines, '1\r\na\r\n0\r\nX-User: root\r\nX_User: root\r\n\r\n');
    assert.deepEqual(valuesOf(reached[0], 'x_user'), ['u-1']);
    assert.ok(!reached[0]?.includes('root'));
  });
});

describe('where a request comes from is what the gateway sees', () => {
  const ours: readonly (readonly [variable: string, values: string[]])[] = [
    ['x_forwarded_for', ['127.0.0.1']],
    ['x_forwarded_proto', ['http']],
    ['x_forwarded_host', ['x']],
    ['forwarded', ['for=127.0.0.1;host="x";proto=http']],
    ['x_forwarded_user', []],
    ['x_forwarded_email', []],
    ['x_forwarded_prefix', []],
    ['x_forwarded_port', []],
    ['x_forwarded_uri', []],
    ['x_forwarded_method', []],
    ['x_forwarded_server', []],
    ['x_forwarded_ssl', []],
    ['x_forwarded_client_cert', []],
    ['x_forwarded', []],
    ['x_real_ip', []],
    ['x_client_ip', []],
    ['x_cluster_client_ip', []],
    ['x_original_forwarded_for', []],
    ['client_ip', []],
    ['true_client_ip', []],
    ['cf_connecting_ip', []],
    ['x_original_url', []],
    ['x_rewrite_url', []],
    ['x_http_method_override', []],
    ['x_http_method', []],
    ['x_method_override', []],
    ['proxy', []],
    ['proxy_authorization', []],
    ['proxy_connection', []],
    ['http2_settings', []],
    ['te', []],
    ['trailer', []],
    ['keep_alive', []],
  ];
  for (const [variable, values] of ours) {
    test(variable, async () => {
      const spellings = ['-', '_', '.', '~'].map((character) => variable.replaceAll('_', character));
      const lines = [...spellings, variable.toUpperCase()].map((name) => `${name}: 10.6.6.6`);
      for (const connection of ['close', `close, ${variable.replaceAll('_', '-')}`]) {
        const { status, reached } = await ask('/open', [...new Set(lines), `Connection: ${connection}`]);
        assert.deepEqual([status, valuesOf(reached[0], variable)], [200, values]);
      }
    });
  }
});

test('what concerns the connection of the client alone ends here', async () => {
  const { status, reached } = await ask('/open', ['Expect: 100-continue', 'Upgrade: h2c', 'UPGRADE: websocket']);
  assert.equal(status, 200);
  for (const variable of ['expect', 'upgrade']) assert.deepEqual(valuesOf(reached[0], variable), []);
});

describe('Connection takes away nothing that a verdict rests on', () => {
  const rows: [sentence: string, option: string, variable: string, values: string[]][] = [
    ['Host', 'Host', 'host', ['x']],
    ['Content-Length', 'Content-Length', 'content_length', ['3']],
    ['X-Forwarded-For', 'X-Forwarded-For', 'x_forwarded_for', ['127.0.0.1']],
    ['Forwarded', 'forwarded', 'forwarded', ['for=127.0.0.1;host="x";proto=http']],
    ['X-User', 'X-User', 'x_user', ['u-1']],
    ['a header of the client, which may', 'X-Mine', 'x_mine', []],
  ];
  for (const [sentence, option, variable, values] of rows) {
    test(sentence, async () => {
      const lines = [BEARER, `Connection: close, ${option}`, 'Content-Length: 3', 'X-Mine: 1'];
      const { status, reached } = await ask('/closed', lines, 'abc');
      assert.deepEqual([status, valuesOf(reached[0], variable)], [200, values]);
    });
  }

  test('the token is checked where Connection names Authorization', async () => {
    const bad = await ask('/closed', ['Connection: close, Authorization', 'Authorization: Bearer x']);
    assert.deepEqual(bad, { status: 401, reached: [] });
  });
});

describe('what is sent in two ways, or not as it should be, reaches no upstream', () => {
  const rows: [sentence: string, status: number, ...lines: string[]][] = [
    ['a good token and a bad one', 400, BEARER, 'Authorization: Bearer x'],
    ['a bad token and a good one', 400, 'Authorization: Bearer x', BEARER],
    ['the same token twice', 400, BEARER, BEARER],
    ['the same token in another case of the name', 400, BEARER, BEARER.replace('Auth', 'auth')],
    ['a token and other credentials', 400, BEARER, `Authorization: ${BASIC}`],
    ['a token and nothing', 400, BEARER, 'Authorization:'],
    ['two tokens in one header', 401, `${BEARER}, Bearer x`],
    ['a token with a parameter', 401, `${BEARER};x`],
    ['a token behind a tab', 401, BEARER.replace('Bearer ', 'Bearer\t')],
    ['a token of another scheme', 401, BEARER.replace('Bearer', 'Token')],
    ['a token alone', 401, `Authorization: ${TOKEN}`],
    ['a token for proxies', 401, `Proxy-${BEARER}`],
    ['a token under a name that only looks like it', 401, `X-${BEARER}`, BEARER.replace(':', '_:')],
    ['a token in a cookie', 401, `Cookie: access_token=${TOKEN}; Authorization=Bearer ${TOKEN}`],
    ['two hosts', 400, BEARER, 'Host: x', 'Host: y'],
    ['the same host twice', 400, BEARER, 'Host: x', 'host: x'],
    ['another expectation', 417, BEARER, 'Expect: 200-ok'],
    ['two expectations', 417, BEARER, 'Expect: 100-continue, x'],
  ];
  for (const [sentence, status, ...lines] of rows) {
    test(sentence, async () => assert.deepEqual(await ask('/closed', lines), { status, reached: [] }));
  }
});

describe('no spelling of a host leads around its routes', () => {
  const rows: [host: string, status: 400 | 401][] = [
    ['admin.example', 401],
    ['ADMIN.Example', 401],
    ['admin.example.', 401],
    ['admin.example:80', 401],
    ['admin.example:8443', 401],
    ['admin.example:00080', 401],
    ['admin.example.:80', 401],
    ['admin.example:', 401],
    ['admin.example.:', 401],
    ['\tadmin.example\t', 401],
    ['admin.example..', 400],
    ['.admin.example', 400],
    ['admin..example', 400],
    ['%61dmin.example', 400],
    ['admin%2eexample', 400],
    ['admin.example%00', 400],
    ['admin.example,x', 400],
    ['x,admin.example', 400],
    ['admin.example;x', 400],
    ['x@admin.example', 400],
    ['admin.example@x', 400],
    ['admin.example/x', 400],
    ['admin.example?x', 400],
    ['admin.example#x', 400],
    ['admin.example\\x', 400],
    ['admin.example x', 400],
    ['"admin.example"', 400],
    ['[admin.example]', 400],
    ['http://admin.example', 400],
    ['admin.example:80:80', 400],
    ['admin.example:x', 400],
    ['admin.example\xad', 400],
  ];
  for (const [host, status] of rows) {
    test(JSON.stringify(host), async () => {
      assert.deepEqual(await ask('/host', [`Host: ${host}`]), { status, reached: [] });
    });
  }

  test('nor does a forwarded host', async () => {
    const lines = ['Host: admin.example', 'X-Forwarded-Host: x', 'Forwarded: host=x', 'X-Original-Host: x'];
    assert.deepEqual(await ask('/host', lines), { status: 401, reached: [] });
  });
});

describe('Host and its like change neither issuer nor target', () => {
  const EVIL = ['Host: evil.example', 'X-Forwarded-Host: evil.example', 'X-Forwarded-Proto: http', 'Connection: close'];

  test('in the metadata', async () => {
    const head = ['GET /.well-known/oauth-authorization-server HTTP/1.1', ...EVIL].join('\r\n');
    const answer = await sendRaw(gateway, `${head}\r\n\r\n`);
    assert.match(answer, /"issuer":"https:\/\/gateway\.example\/auth"/);
    assert.doesNotMatch(answer, /evil/);
  });

  test('in a token', async () => {
    const form = new URLSearchParams({ grant_type: 'password', username: 'ann', password: PASSWORD }).toString();
    const type = 'Content-Type: application/x-www-form-urlencoded';
    const head = ['POST /token HTTP/1.1', ...EVIL, type, `Authorization: ${BASIC}`, `Content-Length: ${form.length}`];
    const [, body = ''] = (await sendRaw(gateway, `${head.join('\r\n')}\r\n\r\n${form}`, 2000)).split('\r\n\r\n');
    const [, claims = ''] = JSON.parse(body).access_token.split('.');
    assert.equal(JSON.parse(Buffer.from(claims, 'base64url').toString()).iss, 'https://gateway.example/auth');
  });

  test('where the host is another server that is there', async (context) => {
    const other = await startRecordingUpstream(context);
    const { status, reached } = await ask('/open', [`Host: ${new URL(other.url).host}`]);
    assert.deepEqual([status, reached.length, other.connections.length], [200, 1, 0]);
  });
});

test('names that mean something to JavaScript are names like all others', async () => {
  const names = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', '__defineGetter__'];
  const { status, reached } = await ask('/closed', [BEARER, ...[...names, ...names].map((name) => `${name}: x`)]);
  assert.equal(status, 200);
  for (const name of names) assert.deepEqual(valuesOf(reached[0], name.toLowerCase()), ['x', 'x']);
  assert.deepEqual(valuesOf(reached[0], 'x_user'), ['u-1']);
});
