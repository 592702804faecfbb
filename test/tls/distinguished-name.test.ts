import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { namesOf } from '../../src/tls/certificate-names.ts';
import { isSameName, parseDistinguishedName } from '../../src/tls/distinguished-name.ts';
import { CN, makeCertificate, O, OU, SAN, type Subject } from '../support/certificates.ts';

const BMP = 0x1e;
const UNIVERSAL = 0x1c;
const PRINTABLE = 0x13;
const TELETEX = 0x14;
const DC = '0.9.2342.19200300.100.1.25';

const APP: Subject = [[[O, 'Example']], [[OU, 'Travel']], [[CN, 'app']]];

const rows: [sentence: string, text: string, subject: Subject, same: boolean][] = [
  ['the narrowest comes first in text', 'CN=app,OU=Travel,O=Example', APP, true],
  ['types and values in any case', 'cn=APP,Ou=travel,O=eXample', APP, true],
  ['types as OIDs', '2.5.4.3=app,2.5.4.11=Travel,2.5.4.10=Example', APP, true],
  ['blanks around what separates', 'CN = app, OU = Travel , O = Example', APP, true],
  ['another order', 'O=Example,OU=Travel,CN=app', APP, false],
  ['a part is missing', 'CN=app,O=Example', APP, false],
  ['a part is too many', 'CN=app,OU=Travel,O=Example,C=DE', APP, false],
  ['a value only begins alike', 'CN=app,OU=Travel,O=Example2', APP, false],
  ['another type', 'CN=app,O=Travel,O=Example', APP, false],
  [
    'one set, in any order',
    'OU=b+CN=app+OU=a,O=Example',
    [
      [[O, 'Example']],
      [
        [CN, 'app'],
        [OU, 'a'],
        [OU, 'b'],
      ],
    ],
    true,
  ],
  [
    'a set is no sequence',
    'CN=app,OU=a',
    [
      [
        [CN, 'app'],
        [OU, 'a'],
      ],
    ],
    false,
  ],
  ['a sequence is no set', 'CN=app+OU=a', [[[OU, 'a']], [[CN, 'app']]], false],
  ['escaped separators', String.raw`CN=app\,O\=Example\+x`, [[[CN, 'app,O=Example+x']]], true],
  ['a value that looks like two parts', 'CN=app,O=Example', [[[CN, 'app,O=Example']]], false],
  ['bytes of UTF-8, escaped and not', String.raw`CN=Zo\C3\AB,O=Zoë`, [[[O, 'zoË']], [[CN, 'Zoë']]], true],
  ['composed and decomposed characters', 'CN=Zoe\u0308', [[[CN, 'Zo\u00eb']]], true],
  ['blanks at the ends and between', String.raw`CN=\ a  b\ `, [[[CN, 'a b']]], true],
  ['no blank is another name', 'CN=ab', [[[CN, 'a b']]], false],
  ['an escaped quote and backslash', String.raw`CN=\"a\\b\"`, [[[CN, String.raw`"a\b"`]]], true],
  ['DER in hexadecimal', 'CN=#0C03617070', [[[CN, 'app']]], true],
  ['a text that looks like DER', 'CN=#0C03617070', [[[CN, '#0C03617070']]], false],
  ['an escaped number sign', String.raw`CN=\#1`, [[[CN, '#1']]], true],
  ['an unknown type of value, as DER', 'CN=#0302002A', [[[CN, Buffer.of(0, 42), 0x03]]], true],
  ['a value that is no text is not its bytes as text', String.raw`CN=\00\2A`, [[[CN, Buffer.of(0, 42), 0x03]]], false],
  ['a text is not the DER of another value', String.raw`CN=\#03002a`, [[[CN, Buffer.of(0, 42), 0x03]]], false],
  ['PrintableString', 'CN=app', [[[CN, 'app', PRINTABLE]]], true],
  ['TeletexString', 'CN=Zoë', [[[CN, Buffer.from('Zoë', 'latin1'), TELETEX]]], true],
  ['BMPString', 'CN=Zoë', [[[CN, Buffer.from('Zoë', 'utf16le').swap16(), BMP]]], true],
  ['UniversalString', 'CN=a𝒃', [[[CN, Buffer.from('0000006100000062', 'hex'), UNIVERSAL]]], true],
  [
    'domain components',
    'UID=u1,DC=example,DC=com',
    [[[DC, 'com', 0x16]], [[DC, 'example', 0x16]], [['0.9.2342.19200300.100.1.1', 'u1']]],
    true,
  ],
  ['an empty value', 'CN=,O=Example', [[[O, 'Example']], [[CN, '']]], true],
  ['a NUL in the certificate', 'CN=app', [[[CN, 'app\0.evil.example']]], false],
];

describe('a subject is compared by its parts', () => {
  for (const [sentence, text, subject, same] of rows) {
    test(sentence, () => {
      const expected = parseDistinguishedName(text);
      assert.ok(expected, 'it can be read');
      assert.equal(isSameName(namesOf(makeCertificate({ subject }).x509).subject, expected), same);
    });
  }
});

describe('what is no distinguished name is not read', () => {
  for (const text of [
    '',
    'app',
    'CN',
    'XX=app',
    'CN=app,',
    ',CN=app',
    'CN=a+',
    'CN=a;O=b',
    'CN="a"',
    'CN=a<b',
    'CN=a\\',
    'CN=\\zz',
    'CN=#0',
    'CN=#',
    'CN=#0C05ab',
    'CN=\\FF',
    '2=a',
    '/CN=app/O=Example',
  ]) {
    test(JSON.stringify(text), () => assert.equal(parseDistinguishedName(text), undefined));
  }
});

test('alternative names are read one by one, whatever is in them', () => {
  const { x509 } = makeCertificate({
    subject: [],
    alternatives: [
      [SAN.dns, 'A.example, DNS:admin.example'],
      [SAN.uri, 'urn:app\0x'],
      [SAN.email, 'App@Example.com'],
      [SAN.ip, Buffer.of(10, 0, 0, 1)],
      [SAN.ip, Buffer.from('20010db8000000000000000000000001', 'hex')],
      [SAN.ip, Buffer.of(1, 2, 3)],
      [0x88, Buffer.of(0x2a, 3)],
    ],
  });
  assert.deepEqual(namesOf(x509), {
    subject: [],
    alternatives: [
      { kind: 'dns', value: 'a.example, dns:admin.example' },
      { kind: 'uri', value: 'urn:app\0x' },
      { kind: 'email', value: 'App@Example.com' },
      { kind: 'ip', value: '10.0.0.1' },
      { kind: 'ip', value: '2001:db8::1' },
    ],
  });
});
