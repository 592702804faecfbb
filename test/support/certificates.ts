import { generateKeyPairSync, type KeyObject, randomBytes, sign, X509Certificate } from 'node:crypto';

/** A certificate that was made for a test, and its key. Both texts are PEM. */
export interface Identity {
  readonly x509: X509Certificate;
  readonly cert: string;
  readonly key: string;
  readonly subject: Subject;
  readonly privateKey: KeyObject;
}

/** An attribute of a subject: its OID, its text, and the tag of its string type (default: UTF8String). */
export type Attribute = readonly [type: string, text: string | Buffer, tag?: number];
export type Subject = readonly (readonly Attribute[])[];

/** A subject alternative name: the tag of its kind (RFC 5280 §4.2.1.6), and its bytes. */
export type Alternative = readonly [tag: number, value: string | Buffer];

export interface CertificateRequest {
  readonly subject: Subject;
  readonly alternatives?: readonly Alternative[];
  /** Self-signed without. */
  readonly issuer?: Identity;
  readonly isAuthority?: boolean;
  /** OIDs of its extended key usage. */
  readonly usages?: readonly string[];
  /** Days from now. */
  readonly validDays?: readonly [from: number, to: number];
  /** To make another certificate for the same key. */
  readonly privateKey?: KeyObject;
}

export const CN = '2.5.4.3';
export const O = '2.5.4.10';
export const OU = '2.5.4.11';
export const CLIENT_AUTHENTICATION = '1.3.6.1.5.5.7.3.2';
export const SERVER_AUTHENTICATION = '1.3.6.1.5.5.7.3.1';
export const SAN = { email: 0x81, dns: 0x82, uri: 0x86, ip: 0x87 } as const;

export const named = (name: string): Subject => [[[CN, name]]];

/** Makes a certificate, written out byte by byte, so that a test can have names that no tool would write. */
export function makeCertificate(request: CertificateRequest): Identity {
  const privateKey = request.privateKey ?? generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const signed = sequence(
    der(0xa0, der(0x02, Buffer.of(2))),
    der(0x02, Buffer.concat([Buffer.of(1), randomBytes(15)])),
    ECDSA_WITH_SHA256,
    name(request.issuer?.subject ?? request.subject),
    validity(request.validDays ?? [-1, 30]),
    name(request.subject),
    publicPart(privateKey),
    der(0xa3, sequence(...extensions(request))),
  );
  const signature = sign('sha256', signed, request.issuer?.privateKey ?? privateKey);
  const raw = sequence(signed, ECDSA_WITH_SHA256, bitString(signature));
  const x509 = new X509Certificate(raw);
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
  return { x509, cert: x509.toString(), key, subject: request.subject, privateKey };
}

/** A root, a certificate for 127.0.0.1, and how to make more: what most tests over TLS begin with. */
export function makeAuthority(commonName = 'Test root') {
  const root = makeCertificate({ subject: named(commonName), isAuthority: true });
  const issue = (request: CertificateRequest) => makeCertificate({ issuer: root, ...request });
  const server = issue({
    subject: named('gateway'),
    alternatives: [[SAN.ip, Buffer.of(127, 0, 0, 1)]],
    usages: [SERVER_AUTHENTICATION],
  });
  return { root, server, issue };
}

export function thumbprint({ x509 }: Identity): string {
  return Buffer.from(x509.fingerprint256.replaceAll(':', ''), 'hex').toString('base64url');
}

const ECDSA_WITH_SHA256 = sequence(oid('1.2.840.10045.4.3.2'));

function extensions({ alternatives, isAuthority, usages }: CertificateRequest): Buffer[] {
  const list: Buffer[] = [];
  if (isAuthority) list.push(extension('2.5.29.19', sequence(der(0x01, Buffer.of(0xff)))));
  if (usages) list.push(extension('2.5.29.37', sequence(...usages.map(oid))));
  if (alternatives) {
    list.push(extension('2.5.29.17', sequence(...alternatives.map(([tag, value]) => der(tag, Buffer.from(value))))));
  }
  // A list may not be empty: where there is nothing else, it says that this is no authority.
  return list.length > 0 ? list : [extension('2.5.29.19', sequence())];
}

function extension(id: string, value: Buffer): Buffer {
  return sequence(oid(id), der(0x04, value));
}

function name(subject: Subject): Buffer {
  const attribute = ([type, text, tag = 0x0c]: Attribute) => sequence(oid(type), der(tag, Buffer.from(text)));
  return sequence(...subject.map((set) => der(0x31, ...set.map(attribute).sort(Buffer.compare))));
}

function validity([from, to]: readonly [number, number]): Buffer {
  const time = (days: number) => {
    const text = new Date(Date.now() + days * 86_400_000).toISOString().replace(/[-:T]|\.\d+/g, '');
    return der(0x18, Buffer.from(text));
  };
  return sequence(time(from), time(to));
}

function publicPart(privateKey: KeyObject): Buffer {
  const { x, y } = privateKey.export({ format: 'jwk' });
  const point = Buffer.concat([Buffer.of(4), Buffer.from(x ?? '', 'base64url'), Buffer.from(y ?? '', 'base64url')]);
  return sequence(sequence(oid('1.2.840.10045.2.1'), oid('1.2.840.10045.3.1.7')), bitString(point));
}

function bitString(content: Buffer): Buffer {
  return der(0x03, Buffer.of(0), content);
}

function sequence(...content: Buffer[]): Buffer {
  return der(0x30, ...content);
}

function oid(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number);
  return der(0x06, Buffer.from([first * 40 + second, ...rest].flatMap(base128)));
}

function base128(number: number): number[] {
  const bytes = [number % 128];
  for (let rest = Math.floor(number / 128); rest > 0; rest = Math.floor(rest / 128)) bytes.unshift((rest % 128) + 128);
  return bytes;
}

function der(tag: number, ...contents: Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  const { length } = content;
  const header =
    length < 128 ? [tag, length] : length < 256 ? [tag, 0x81, length] : [tag, 0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from(header), content]);
}
