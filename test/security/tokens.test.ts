import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { postern } from '../support/cli.ts';
import { login, postForm, type RunningGateway, startGateway } from '../support/gateway.ts';
import { sendRaw, statuses } from '../support/raw.ts';
import {
  CERTIFICATE,
  CERTIFIED_KEY,
  ecdsa,
  encode,
  forge,
  hmac,
  otherSignature,
  pss,
  rsa,
  type Signer,
  unsigned,
} from './forge.ts';
import { type RecordingUpstream, startRecordingUpstream } from './recording-upstream.ts';

/**
 * A bearer token is a text from a stranger that says how it wants to be verified, and verifiers that listened to it were
 * broken: `alg: none` and a public key taken for an HMAC secret (CVE-2015-9235, CVE-2016-10555, CVE-2022-23540), a key that
 * the token brings itself (CVE-2018-0114), a signature of zeros (CVE-2022-21449), extensions that have to be understood and
 * were not (CVE-2025-59420), encrypted tokens that unpack to gigabytes (CVE-2024-28176). Others asked URLs or files that
 * the token named. A verifier that remembers its verdicts has one more way to fail: to take one token for another, or to
 * go on believing in what has ended.
 *
 * Whatever is refused below, the upstream gets nothing of it: no byte, and no connection.
 */

const ISSUER = 'https://gateway.example/auth';
const AUDIENCE = 'https://api.example';

/** The gateway ends every connection here; this is for a machine that is busy. */
const QUIET_MS = 5000;

type Row = readonly [sentence: string, token: string];
interface Stage {
  readonly gateway: RunningGateway;
  readonly upstream: RecordingUpstream;
  /** A good token, with its parts. */
  readonly token: string;
  readonly header: { readonly alg: string; readonly kid: string; readonly typ: string };
  readonly claims: Record<string, unknown>;
  /** The gateway's own. No attacker has it; with it, a test gets past the signature to what lies behind. */
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

async function startStage(context: TestContext, algorithm: 'RS256' | 'ES256' = 'RS256'): Promise<Stage> {
  const upstream = await startRecordingUpstream(context);
  const signing = { keys_dir: 'keys', algorithm };
  const gateway = await startGateway(context, {
    tokens: { issuer: ISSUER, audience: AUDIENCE, signing },
    upstreams: { api: { targets: [upstream.url] } },
    routes: [
      { path: '/read', scopes: ['read'], upstream: 'api' },
      { path: '/write', scopes: ['write'], upstream: 'api' },
      { path: '/both', scopes: ['read', 'write'], upstream: 'api' },
    ],
  });
  const token = (await login(gateway, { scope: 'read' })).body.access_token ?? '';
  const privateKey = createPrivateKey(readFileSync(keyFile(gateway)));
  const publicKey = createPublicKey(privateKey.export({ type: 'pkcs8', format: 'pem' }));
  const header = decodeProtectedHeader(token) as Stage['header'];
  return { gateway, upstream, token, header, claims: decodeJwt(token), privateKey, publicKey };
}

function keyFile({ directory }: RunningGateway): string {
  const folder = join(directory, 'keys');
  return join(folder, readdirSync(folder).sort().at(-1) ?? '');
}

/** The status for a bearer token, sent as it is. */
async function statusFor(gateway: RunningGateway, token: string, path = '/read'): Promise<number | undefined> {
  const headers = `Host: x\r\nConnection: close\r\nAuthorization: Bearer ${token}`;
  return statuses(await sendRaw(gateway, `GET ${path} HTTP/1.1\r\n${headers}\r\n\r\n`, QUIET_MS))[0];
}

async function refuseAll({ gateway, upstream }: Stage, rows: readonly Row[]): Promise<void> {
  const before = [upstream.connections(), upstream.bytes()];
  for (const [sentence, token] of rows) assert.equal(await statusFor(gateway, token), 401, sentence);
  assert.deepEqual([upstream.connections(), upstream.bytes()], before, 'nothing reached the upstream');
}

describe('without the key, nobody makes a token', () => {
  test('by saying that it needs no signature', async (context) => {
    const stage = await startStage(context);
    const { header, claims, token } = stage;
    const [, , signature = ''] = token.split('.');
    const spellings = [
      'none',
      'None',
      'NONE',
      'nOnE',
      ' none',
      'none ',
      'none\0',
      '',
      null,
      0,
      false,
      [],
      ['none'],
      {},
    ];
    await refuseAll(stage, [
      ...spellings.map((alg): Row => [`alg ${JSON.stringify(alg)}`, forge({ ...header, alg }, claims, unsigned)]),
      ['no alg', forge({ typ: 'at+jwt', kid: header.kid }, claims, unsigned)],
      ['none, with the signature of a good token', forge({ ...header, alg: 'none' }, claims, unsigned) + signature],
      ['the right alg and no signature', forge(header, claims, unsigned)],
      ['no signature and no dot before it', token.slice(0, token.lastIndexOf('.'))],
      ['the signature of another token', forge(header, { ...claims, scope: 'read write' }, unsigned) + signature],
      ['a signature of zeros', forge(header, claims, () => Buffer.alloc(256))],
      ['a signature that is too long', `${token}AAAA`],
    ]);
  });

  test('by taking the public key for a secret', async (context) => {
    const stage = await startStage(context);
    const { header, claims, publicKey, gateway } = stage;
    const jwks = await (await fetch(`${gateway.url}/.well-known/jwks.json`)).text();
    const jwk = publicKey.export({ format: 'jwk' });
    const spki = publicKey.export({ type: 'spki', format: 'pem' }).toString();
    const secrets: [sentence: string, secret: string | Buffer][] = [
      ['PEM', spki],
      ['PEM without its last newline', spki.trimEnd()],
      ['PEM with CRLF', spki.replaceAll('\n', '\r\n')],
      ['PEM of PKCS 1', publicKey.export({ type: 'pkcs1', format: 'pem' }).toString()],
      ['DER', publicKey.export({ type: 'spki', format: 'der' })],
      ['DER of PKCS 1', publicKey.export({ type: 'pkcs1', format: 'der' })],
      ['the JWKS', jwks],
      ['the JWK of the JWKS', JSON.stringify(JSON.parse(jwks).keys[0])],
      ['the bare JWK', JSON.stringify(jwk)],
      ['its modulus', jwk.n ?? ''],
      ['the bytes of its modulus', Buffer.from(jwk.n ?? '', 'base64url')],
      ['its kid', header.kid],
      ['nothing', ''],
      ['a NUL', '\0'],
    ];
    await refuseAll(
      stage,
      ['256', '384', '512'].flatMap((bits) =>
        secrets.map(([sentence, secret]): Row => {
          return [`HS${bits}, ${sentence}`, forge({ ...header, alg: `HS${bits}` }, claims, hmac(`sha${bits}`, secret))];
        }),
      ),
    );
  });

  test('by bringing the key, or by saying where it is; and nobody goes there', async (context) => {
    const stage = await startStage(context);
    const trap = await startRecordingUpstream(context);
    const { header, claims } = stage;
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const jwk = { ...publicKey.export({ format: 'jwk' }), kid: header.kid, alg: 'RS256', use: 'sig' };
    const evil = (changes: object, payload: object = claims) =>
      forge({ ...header, ...changes }, payload, rsa(privateKey));
    await refuseAll(stage, [
      ['another key of the same name', evil({})],
      ['jwk', evil({ jwk })],
      ['jwk without kid', evil({ jwk, kid: undefined })],
      ['jwk with a kid of its own', evil({ jwk: { ...jwk, kid: 'mine' }, kid: 'mine' })],
      ['a private jwk', evil({ jwk: privateKey.export({ format: 'jwk' }) })],
      ['jwks', evil({ jwks: { keys: [jwk] } })],
      ['jku', evil({ jku: `${trap.url}/jwks` })],
      ['jku without kid', evil({ jku: `${trap.url}/jwks`, kid: undefined })],
      ['jku behind the name of the issuer', evil({ jku: `https://gateway.example@${trap.url.slice(7)}/jwks` })],
      ['jku with an unknown kid', evil({ jku: `${trap.url}/jwks`, kid: 'mine' })],
      ['x5u', evil({ x5u: `${trap.url}/chain.pem` })],
      ['kid that is a URL', evil({ kid: `${trap.url}/key` })],
      ['an issuer that would have to be discovered', evil({}, { ...claims, iss: trap.url })],
      ['an issuer below ours', evil({}, { ...claims, iss: `${ISSUER}/../${trap.url}` })],
      ['iss as a list', evil({}, { ...claims, iss: [ISSUER, trap.url] })],
      ['jwks_uri among the claims', evil({}, { ...claims, jwks_uri: `${trap.url}/jwks` })],
      ['cnf', evil({}, { ...claims, cnf: { jwk, jku: `${trap.url}/jwks` } })],
    ]);
    assert.equal(trap.connections(), 0, 'no token makes the gateway ask anybody');
  });

  test('by playing with kid', async (context) => {
    const stage = await startStage(context);
    const { header, claims, gateway } = stage;
    const files = ['/dev/null', 'gateway.yaml', `keys/${header.kid}.pem`];
    const kids: unknown[] = [
      ...files.flatMap((file) => [file, `../../../../../../..${file}`, join(gateway.directory, file)]),
      `${header.kid}.pem`,
      `./${header.kid}`,
      `${header.kid}\0`,
      `${header.kid} `,
      header.kid.toUpperCase() + header.kid,
      `${header.kid}' OR '1'='1`,
      "x' UNION SELECT 'secret';-- ",
      '$(touch pwned)',
      '__proto__',
      'constructor',
      'toString',
      '',
      'x'.repeat(6000),
      '\u{1f511}',
      [header.kid],
      { kid: header.kid },
      { toString: header.kid },
      null,
      0,
      true,
    ];
    // What each of these would be verified with, if it led to a file, to nothing, or to a secret that a query returned.
    const empty = hmac('sha256', '');
    await refuseAll(
      stage,
      kids.flatMap((kid): Row[] => [
        [`kid ${JSON.stringify(kid).slice(0, 60)}`, forge({ ...header, kid }, claims, unsigned)],
        [`HS256, kid ${JSON.stringify(kid).slice(0, 60)}`, forge({ ...header, kid, alg: 'HS256' }, claims, empty)],
      ]),
    );
  });

  test('by writing it in a form that is no signed JWT', async (context) => {
    const stage = await startStage(context);
    const { header, claims, token } = stage;
    const [head, body, signature] = token.split('.');
    const jwe = { alg: 'dir', enc: 'A256GCM', typ: 'at+jwt', kid: header.kid };
    const deep = '['.repeat(5000) + ']'.repeat(5000);
    const general = { payload: body, signatures: [{ protected: head, signature }] };
    await refuseAll(stage, [
      ['JWE', `${encode(JSON.stringify(jwe))}..AAAAAAAAAAAAAAAA.AAAA.AAAAAAAAAAAAAAAAAAAAAA`],
      [
        'compressed JWE',
        `${encode(JSON.stringify({ ...jwe, zip: 'DEF' }))}..AAAAAAAAAAAAAAAA.AAAA.AAAAAAAAAAAAAAAAAAAAAA`,
      ],
      [
        'JWE by password',
        `${encode(JSON.stringify({ ...jwe, alg: 'PBES2-HS256+A128KW', p2c: 2 ** 31 - 1, p2s: 'AAAA' }))}.AA.AA.AA.AA`,
      ],
      ['a good token inside of another one', forge({ ...header, cty: 'JWT' }, token, unsigned)],
      ['a good token inside of an unsigned one', forge({ alg: 'none', cty: 'JWT' }, token, unsigned)],
      ['JWS as JSON, in base64url', encode(JSON.stringify(general))],
      ['the payload alone', body ?? ''],
      ['two dots', '..'],
      ['three dots', '...'],
      ['two tokens', `${token}.${token}`],
      ['a token and a dot', `${token}.`],
      ['a dot and a token', `.${token}`],
      ['a header that is no JSON', forge('alg: RS256', claims, unsigned)],
      ['a header that is a list', forge('[]', claims, unsigned)],
      ['a header that is null', forge('null', claims, unsigned)],
      ['a deep header', forge(`{"alg":"RS256","kid":${deep}}`, claims, unsigned)],
      ['a payload that is no JSON', forge(header, 'iss', unsigned)],
      ['a payload that is null', forge(header, 'null', unsigned)],
      ['a payload that is a list', forge(header, [claims], unsigned)],
      ['a payload that is a text', forge(header, JSON.stringify(JSON.stringify(claims)), unsigned)],
      ['a deep payload', forge(header, `{"iss":"${ISSUER}","sub":${deep}}`, unsigned)],
      ['a payload that is not UTF-8', `${head}.${encode(Buffer.from([0x7b, 0xff, 0xfe, 0x7d]))}.${signature}`],
      ['a payload with a byte order mark', forge(header, `\ufeff${JSON.stringify(claims)}`, unsigned)],
      ['15 kb of letters', 'A'.repeat(15_000)],
      ['15 kb of dots', '.'.repeat(15_000)],
      ['a signature of 12 kb', `${head}.${body}.${'A'.repeat(12_000)}`],
    ]);
    assert.equal(await statusFor(stage.gateway, 'A'.repeat(17_000)), 431, 'what is longer than headers may be');
  });
});

test('without the key of an elliptic curve, nobody makes a token either', async (context) => {
  const stage = await startStage(context, 'ES256');
  const { header, claims, token, privateKey } = stage;
  const certified = createPrivateKey({ key: Buffer.from(CERTIFIED_KEY, 'base64'), type: 'pkcs8', format: 'der' });
  const order = 'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551';
  const zeros = Buffer.alloc(64);
  await refuseAll(stage, [
    ['x5c', forge({ ...header, x5c: [CERTIFICATE] }, claims, ecdsa(certified))],
    ['x5c without kid', forge({ ...header, x5c: [CERTIFICATE], kid: undefined }, claims, ecdsa(certified))],
    ['r and s zero', forge(header, claims, () => zeros)],
    ['r and s the order of the curve', forge(header, claims, () => Buffer.from(order + order, 'hex'))],
    ['r zero, s one', forge(header, claims, () => Buffer.concat([zeros.subarray(1), Buffer.of(1)]))],
    ['r and s zero, in DER', forge(header, claims, () => Buffer.from('3006020100020100', 'hex'))],
    ['the right signature in DER', forge(header, claims, ecdsa(privateKey, 'der'))],
    [
      'HS256 with the public point',
      forge(
        { ...header, alg: 'HS256' },
        claims,
        hmac('sha256', stage.publicKey.export({ type: 'spki', format: 'pem' })),
      ),
    ],
    ['ES384', forge({ ...header, alg: 'ES384' }, claims, ecdsa(privateKey))],
    ['ES256K', forge({ ...header, alg: 'ES256K' }, claims, ecdsa(privateKey))],
  ]);
  assert.equal(await statusFor(stage.gateway, token), 200);
});

describe('with the right key, a token still has to say the right things', () => {
  test('in its header', async (context) => {
    const stage = await startStage(context);
    const { header, claims, privateKey, gateway } = stage;
    const signed = (changes: object, sign: Signer = rsa(privateKey)) => forge({ ...header, ...changes }, claims, sign);
    assert.equal(await statusFor(gateway, signed({})), 200, 'signed by hand');
    assert.equal(await statusFor(gateway, signed({ typ: 'application/at+jwt' })), 200, 'the long name of its type');
    await refuseAll(stage, [
      ['PS256', signed({ alg: 'PS256' }, pss(privateKey))],
      ['PS256, called RS256', signed({}, pss(privateKey))],
      ['RS256, called PS256', signed({ alg: 'PS256' })],
      ['RS384', signed({ alg: 'RS384' }, rsa(privateKey, 'sha384'))],
      ['RS512', signed({ alg: 'RS512' }, rsa(privateKey, 'sha512'))],
      ['RS1', signed({ alg: 'RS1' }, rsa(privateKey, 'sha1'))],
      ['RS256 in lower case', signed({ alg: 'rs256' })],
      ['RS256 in a list', signed({ alg: ['RS256'] })],
      ['an unknown crit', signed({ crit: ['urn:example:bound'], 'urn:example:bound': true })],
      ['a crit that is not there', signed({ crit: ['exp'] })],
      ['a crit that the standard has already', signed({ crit: ['alg'] })],
      ['an empty crit', signed({ crit: [] })],
      ['a crit that is a text', signed({ crit: 'b64', b64: true })],
      ['crit null', signed({ crit: null })],
      ['b64 false', signed({ crit: ['b64'], b64: false })],
      ['typ JWT', signed({ typ: 'JWT' })],
      ['typ at', signed({ typ: 'at' })],
      ['typ of another kind', signed({ typ: 'dpop+jwt' })],
      ['typ as a list', signed({ typ: ['at+jwt'] })],
      ['no typ', signed({ typ: undefined })],
      ['no kid', signed({ kid: undefined })],
    ]);
    const unencoded = JSON.stringify({ ...header, crit: ['b64'], b64: false });
    const input = `${encode(unencoded)}.${JSON.stringify(claims)}`;
    await refuseAll(stage, [['b64 false, with the payload in clear', `${input}.${encode(rsa(privateKey)(input))}`]]);
  });

  test('in its claims', async (context) => {
    const stage = await startStage(context);
    const { header, claims, privateKey, gateway } = stage;
    const now = Math.floor(Date.now() / 1000);
    const signed = (changes: object | string) =>
      forge(header, typeof changes === 'string' ? changes : { ...claims, ...changes }, rsa(privateKey));
    /** As JSON that no object can be: the given text stands for the value of `name`. */
    const literally = (name: string, value: string) =>
      signed(JSON.stringify({ ...claims, [name]: '@' }).replace('"@"', value));
    for (const [sentence, token] of [
      ['exp with a fraction', signed({ exp: now + 60.5 })],
      ['the audience in a list', signed({ aud: [AUDIENCE] })],
      ['the audience among others', signed({ aud: ['https://other.example', AUDIENCE] })],
      ['nbf within the tolerance', signed({ nbf: now + 5 })],
    ] satisfies Row[]) {
      assert.equal(await statusFor(gateway, token), 200, sentence);
    }
    const missing = ['iss', 'aud', 'exp', 'iat', 'sub', 'client_id', 'jti'];
    await refuseAll(stage, [
      ...missing.map((name): Row => [`no ${name}`, signed({ [name]: undefined })]),
      ...missing.map((name): Row => [`${name} null`, signed({ [name]: null })]),
      ...missing.map((name): Row => [`${name} a mapping`, signed({ [name]: {} })]),
      ['iss with a slash at its end', signed({ iss: `${ISSUER}/` })],
      ['iss in another case', signed({ iss: ISSUER.toUpperCase() })],
      ['iss in a list', signed({ iss: [ISSUER] })],
      ['aud of another API', signed({ aud: 'https://other.example' })],
      ['aud with a slash at its end', signed({ aud: `${AUDIENCE}/` })],
      ['aud that begins like ours', signed({ aud: `${AUDIENCE}.evil.example` })],
      ['aud in another case', signed({ aud: AUDIENCE.toUpperCase() })],
      ['aud of several in one text', signed({ aud: `https://other.example ${AUDIENCE}` })],
      ['aud empty', signed({ aud: [] })],
      ['aud in a list of lists', signed({ aud: [[AUDIENCE]] })],
      ['aud as the key of a mapping', signed({ aud: { [AUDIENCE]: true } })],
      ['exp as text', signed({ exp: String(now + 60) })],
      ['exp as a date', signed({ exp: new Date((now + 60) * 1000).toISOString() })],
      ['exp zero', signed({ exp: 0 })],
      ['exp negative', signed({ exp: -now - 60 })],
      ['exp in a list', signed({ exp: [now + 60] })],
      ['exp true', signed({ exp: true })],
      ['exp that never comes', literally('exp', '1e999')],
      ['exp after the end of all calendars', signed({ exp: 1e15 })],
      ['exp that never was', literally('exp', '-1e999')],
      ['expired, however many digits', literally('exp', `${now - 60}.${'9'.repeat(300)}`)],
      ['nbf in the future', signed({ nbf: now + 60 })],
      ['nbf as text', signed({ nbf: String(now - 60) })],
      ['nbf that never comes', literally('nbf', '1e999')],
      ['iat as text', signed({ iat: String(now) })],
      ['client_id empty', signed({ client_id: '' })],
      ['client_id a number', signed({ client_id: 1 })],
      ['sub empty', signed({ sub: '' })],
      ['sub a list', signed({ sub: ['u-1'] })],
      ['sub without its value', signed({ sub: { value: '' } })],
      ['all claims below __proto__', signed(`{"__proto__":${JSON.stringify(claims)}}`)],
    ]);
  });

  test('of two claims with one name, the last counts, for every check (RFC 7519 §4)', async (context) => {
    const stage = await startStage(context);
    const { header, claims, privateKey, gateway } = stage;
    const now = Math.floor(Date.now() / 1000);
    const twice = (name: string, first: unknown, last: unknown, spelling = name) => {
      const { [name]: _, ...others } = claims;
      const between = JSON.stringify(others).slice(1, -1);
      const json = `{"${name}":${JSON.stringify(first)},${between},"${spelling}":${JSON.stringify(last)}}`;
      return forge(header, json, rsa(privateKey));
    };
    const rows: [sentence: string, name: string, bad: unknown, good: unknown, escaped: string][] = [
      ['exp', 'exp', now - 60, now + 60, '\\u0065xp'],
      ['iss', 'iss', 'https://evil.example', ISSUER, '\\u0069ss'],
      ['aud', 'aud', 'https://evil.example', AUDIENCE, '\\u0061ud'],
      ['client_id', 'client_id', '', 'web', 'client\\u005fid'],
    ];
    for (const [sentence, name, bad, good, escaped] of rows) {
      assert.equal(await statusFor(gateway, twice(name, bad, good)), 200, `${sentence}: the good one last`);
      await refuseAll(stage, [
        [`${sentence}: the bad one last`, twice(name, good, bad)],
        [`${sentence}: the bad one last, and escaped`, twice(name, good, bad, escaped)],
      ]);
    }
    const names = `"typ":"at+jwt","kid":"${header.kid}"`;
    await refuseAll(stage, [
      ['alg: none last', forge(`{"alg":"RS256",${names},"alg":"none"}`, claims, unsigned)],
      ['alg: none first', forge(`{"alg":"none",${names},"alg":"RS256"}`, claims, unsigned)],
    ]);
  });

  test('and tokens for other purposes are not bearer tokens', async (context) => {
    const stage = await startStage(context);
    const { body } = await login(stage.gateway);
    const [, payload] = (body.access_token ?? '').split('.');
    const [idHeader, , idSignature] = (body.id_token ?? '').split('.');
    await refuseAll(stage, [
      ['an ID token', body.id_token ?? ''],
      ['an access token under the header of an ID token', `${idHeader}.${payload}.${idSignature}`],
      ['a refresh token', body.refresh_token ?? ''],
      ['a refresh token in three parts', `${body.refresh_token}.${body.refresh_token}.${body.refresh_token}`],
    ]);
  });
});

test('scopes are compared octet by octet', async (context) => {
  const { gateway, upstream, header, claims, privateKey } = await startStage(context);
  const rows: [scope: unknown, path: string, status: number][] = [
    ['read', '/read', 200],
    ['other read', '/read', 200],
    ['write read', '/both', 200],
    ['read', '/both', 403],
    ['readwrite', '/both', 403],
    ['read,write', '/both', 403],
    ['read+write', '/both', 403],
    ['read%20write', '/both', 403],
    ['read\twrite', '/both', 403],
    ['read\nwrite', '/both', 403],
    ['read\u00a0write', '/both', 403],
    ['read\u2003write', '/both', 403],
    ['rea', '/read', 403],
    ['reads', '/read', 403],
    ['read:all', '/read', 403],
    ['all:read', '/read', 403],
    ['READ', '/read', 403],
    ['Read', '/read', 403],
    ['re\u0430d', '/read', 403],
    ['read\0', '/read', 403],
    ['"read"', '/read', 403],
    ['read*', '/read', 403],
    ['*', '/read', 403],
    ['.*', '/read', 403],
    ['', '/read', 403],
    [undefined, '/read', 403],
    [['read'], '/read', 401],
    [{ read: true }, '/read', 401],
    [true, '/read', 401],
  ];
  for (const [scope, path, status] of rows) {
    const [requests, bytes] = [upstream.seen.length, upstream.bytes()];
    const token = forge(header, { ...claims, scope }, rsa(privateKey));
    const sentence = `${JSON.stringify(scope)} for ${path}`;
    assert.equal(await statusFor(gateway, token, path), status, sentence);
    assert.equal(upstream.seen.length - requests, status === 200 ? 1 : 0, sentence);
    if (status !== 200) assert.equal(upstream.bytes(), bytes, sentence);
  }
});

describe('a token that was good and is remembered', () => {
  test('makes no other spelling of it good', async (context) => {
    const stage = await startStage(context);
    const { gateway, token, header } = stage;
    assert.equal(await statusFor(gateway, token), 200);
    const [head = '', body = '', signature = ''] = token.split('.');
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    // 256 bytes are 2048 bits in 342 characters, the last of which has four bits that say nothing.
    const last = alphabet.indexOf(signature.at(-1) ?? '');
    const sameBytes = Array.from({ length: 15 }, (_, index) => signature.slice(0, -1) + alphabet[last ^ (index + 1)]);
    const other = (from: string, to: string) => token.split(from).join(to);
    const rows: Row[] = [
      ...sameBytes.map((variant): Row => ['unused bits', `${head}.${body}.${variant}`]),
      ['padding', `${token}=`],
      ['right padding', `${token}==`],
      ['too much padding', `${token}===`],
      ['the header padded', `${head}=.${body}.${signature}`],
      ['the payload padded', `${head}.${body}==.${signature}`],
      ['+ for -', other('-', '+')],
      ['/ for _', other('_', '/')],
      ['a letter less', token.slice(0, -1)],
      ['a letter more', `${token}A`],
      ['a tilde more', `${token}~`],
      ['a line break of base64', `${head}.${body}.${signature.slice(0, 64)}%0A${signature.slice(64)}`],
      ['encoded dots', other('.', '%2E')],
      ['the header in another case', `${head.toLowerCase()}.${body}.${signature}`],
      ['the header with a blank', `${encode(JSON.stringify(header, undefined, 1))}.${body}.${signature}`],
      ['two words', `${head}.${body}. ${signature}`],
      ['a list', `${token},${token}`],
    ];
    await refuseAll(
      stage,
      rows.filter(([, variant]) => variant !== token),
    );
    assert.equal(await statusFor(gateway, token), 200, 'it is still good itself');
    assert.equal(await statusFor(gateway, `   ${token}  `), 200, 'blanks around it are not a part of it');
  });

  test('is not good for more than it was', async (context) => {
    const { gateway, token } = await startStage(context);
    assert.equal(await statusFor(gateway, token), 200);
    for (const path of ['/write', '/both']) assert.equal(await statusFor(gateway, token, path), 403, path);
    assert.equal(await statusFor(gateway, token, '/unknown'), 404);
  });

  test('is refused once it has expired', async (context) => {
    const { gateway, upstream, header, claims, privateKey } = await startStage(context);
    // With the tolerance of ten seconds, one second is left.
    const exp = Math.floor(Date.now() / 1000) - 9;
    const short = forge(header, { ...claims, exp }, rsa(privateKey));
    assert.equal(await statusFor(gateway, short), 200);
    await delay(exp * 1000 + 10_000 - Date.now() + 10);
    const bytes = upstream.bytes();
    assert.equal(await statusFor(gateway, short), 401);
    assert.equal(upstream.bytes(), bytes);
  });

  test('is refused once it was revoked, and so is every spelling of it', async (context) => {
    const stage = await startStage(context, 'ES256');
    const { gateway, upstream, token } = stage;
    const twin = otherSignature(token);
    assert.notEqual(twin, token);
    assert.equal(await statusFor(gateway, token), 200);
    assert.equal(await statusFor(gateway, twin), 200, 'of r and s, s may as well be n - s: the same claims, signed');
    assert.equal((await postForm(gateway, '/revoke', { token })).status, 200);
    await refuseAll(stage, [
      ['it', token],
      ['its twin', twin],
    ]);
    assert.equal(upstream.seen.length, 2);
  });

  test('is refused once its session has ended', async (context) => {
    const stage = await startStage(context);
    const { body } = await login(stage.gateway);
    assert.equal(await statusFor(stage.gateway, body.access_token ?? ''), 200);
    assert.equal((await postForm(stage.gateway, '/revoke', { token: body.refresh_token ?? '' })).status, 200);
    await refuseAll(stage, [['its access token', body.access_token ?? '']]);
    assert.equal(await statusFor(stage.gateway, stage.token), 200, 'that of another session is not');
  });

  test('is refused once its key is withdrawn', async (context) => {
    const upstream = await startRecordingUpstream(context);
    const gateway = await startGateway(context, {
      tokens: { issuer: ISSUER, audience: AUDIENCE, signing: { keys_dir: 'keys', algorithm: 'ES256' } },
      upstreams: { api: { targets: [upstream.url] } },
      routes: [{ path: '/read', scopes: ['read'], upstream: 'api' }],
    });
    const token = (await login(gateway)).body.access_token ?? '';
    assert.equal(await statusFor(gateway, token), 200);
    const { code } = await postern(['keys', 'rotate', join(gateway.directory, 'gateway.yaml'), '--withdraw-others']);
    assert.equal(code, 0);
    // The folder is looked at four times a second, and read when it stands still; reading it every five seconds comes later.
    const late = Date.now() + 3000;
    while ((await statusFor(gateway, token)) !== 401 && Date.now() < late) await delay(50);
    const bytes = upstream.bytes();
    assert.equal(await statusFor(gateway, token), 401);
    assert.equal(upstream.bytes(), bytes);
    assert.equal(await statusFor(gateway, (await login(gateway)).body.access_token ?? ''), 200);
  });
});
