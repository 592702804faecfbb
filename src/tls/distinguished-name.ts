import { type Element, readElements, readInside, readOid, TAG } from './der.ts';

interface Attribute {
  /** An OID. */
  readonly type: string;
  /** Prepared for comparison; `#` and hexadecimal DER where it is no text. */
  readonly value: string;
}

/** Sets of attributes (RDNs) in the order of the certificate: from the widest to the narrowest. */
export type DistinguishedName = readonly (readonly Attribute[])[];

/** RFC 4514 §3, and what certificates have beside that (RFC 5280 §4.1.2.4, RFC 4519, PKCS 9). */
const TYPES: Readonly<Record<string, string>> = {
  CN: '2.5.4.3',
  L: '2.5.4.7',
  ST: '2.5.4.8',
  O: '2.5.4.10',
  OU: '2.5.4.11',
  C: '2.5.4.6',
  STREET: '2.5.4.9',
  DC: '0.9.2342.19200300.100.1.25',
  UID: '0.9.2342.19200300.100.1.1',
  SN: '2.5.4.4',
  SERIALNUMBER: '2.5.4.5',
  TITLE: '2.5.4.12',
  BUSINESSCATEGORY: '2.5.4.15',
  POSTALCODE: '2.5.4.17',
  GIVENNAME: '2.5.4.42',
  GN: '2.5.4.42',
  INITIALS: '2.5.4.43',
  GENERATIONQUALIFIER: '2.5.4.44',
  DNQUALIFIER: '2.5.4.46',
  PSEUDONYM: '2.5.4.65',
  ORGANIZATIONIDENTIFIER: '2.5.4.97',
  EMAILADDRESS: '1.2.840.113549.1.9.1',
  E: '1.2.840.113549.1.9.1',
};

/** `type=value` and what follows it: `,`, `+` or the end. Blanks around these are let pass, as RFC 2253 §4 asks. */
const PART =
  / *([A-Za-z][A-Za-z0-9-]*|\d+(?:\.\d+)+) *= *(#(?:[0-9A-Fa-f]{2})+ *|(?!#)(?:[^\\"+,;<>\0]|\\(?:[ "#+,;<=>\\]|[0-9A-Fa-f]{2}))*)([,+]|$)/uy;

/** Reads `CN=app,OU=a+OU=b,O=Example` (RFC 4514 §3). Undefined for what is no such text, or has a type without an OID. */
export function parseDistinguishedName(text: string): DistinguishedName | undefined {
  const names: Attribute[][] = [[]];
  const parts = new RegExp(PART);
  let separator = ',';
  while (separator !== '') {
    const [, name = '', value = '', follows] = parts.exec(text) ?? [];
    const type = /^\d/.test(name) ? name : TYPES[name.toUpperCase()];
    const read = readTextValue(value);
    if (follows === undefined || type === undefined || read === undefined) return undefined;
    names.at(-1)?.push({ type, value: read });
    if (follows === ',') names.push([]);
    separator = follows;
  }
  return names.reverse();
}

/** Reads the content of a Name (RFC 5280 §4.1.2.4). @throws RangeError */
export function readDistinguishedName(content: Buffer): DistinguishedName {
  return readElements(content).map((set) =>
    readInside(set, TAG.set).map((attribute) => {
      const [type, value] = readInside(attribute, TAG.sequence);
      if (type?.tag !== TAG.oid || value === undefined) throw new RangeError('an attribute without type or value');
      return { type: readOid(type.content), value: readValue(value) };
    }),
  );
}

/** The same sets in the same order; inside of a set, order means nothing. */
export function isSameName(a: DistinguishedName, b: DistinguishedName): boolean {
  return comparable(a) === comparable(b);
}

function comparable(name: DistinguishedName): string {
  return JSON.stringify(name.map((set) => set.map(({ type, value }) => JSON.stringify([type, value])).sort()));
}

/** How each string type of ASN.1 keeps its characters; Teletex in practice is Latin-1. */
const DECODERS: Readonly<Record<number, (content: Buffer) => string>> = {
  12: utf8, // UTF8String
  18: latin1, // NumericString
  19: latin1, // PrintableString
  20: latin1, // TeletexString
  22: latin1, // IA5String
  26: latin1, // VisibleString
  28: (content) => String.fromCodePoint(...integers(content, 4)), // UniversalString
  30: (content) => String.fromCharCode(...integers(content, 2)), // BMPString
};

function readValue({ tag, content }: Element): string {
  const decode = DECODERS[tag];
  return decode ? prepare(decode(content)) : `#${Buffer.from([tag]).toString('hex')}${content.toString('hex')}`;
}

/** Escapes are bytes of UTF-8 (RFC 4514 §2.4); `#` begins DER in hexadecimal. */
function readTextValue(value: string): string | undefined {
  try {
    if (!value.startsWith('#')) return prepare(utf8(unescaped(value)));
    const [element, ...more] = readElements(Buffer.from(value.slice(1), 'hex'));
    return element && more.length === 0 ? readValue(element) : undefined;
  } catch (error) {
    if (error instanceof RangeError || error instanceof TypeError) return undefined; // No DER, or no UTF-8.
    throw error;
  }
}

function unescaped(value: string): Buffer {
  const parts = value.match(/\\[0-9A-Fa-f]{2}|\\.|[^\\]+/gsu) ?? [];
  return Buffer.concat(
    parts.map((part) => {
      if (!part.startsWith('\\')) return Buffer.from(part);
      return part.length === 3 ? Buffer.from(part.slice(1), 'hex') : Buffer.from(part.slice(1));
    }),
  );
}

/** caseIgnoreMatch (RFC 4517 §4.2.11): without regard to case, to blanks at the ends and to how many are inside. */
function prepare(text: string): string {
  const prepared = text.normalize('NFKC').toLowerCase().normalize('NFKC').replace(/ +/g, ' ').trim();
  // So that no text is taken for a value that is none.
  return prepared.replace(/^[#\\]/, '\\$&');
}

/** @throws TypeError for bytes that are not UTF-8. */
function utf8(content: Buffer): string {
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(content);
}

function latin1(content: Buffer): string {
  return content.toString('latin1');
}

function integers(content: Buffer, width: number): number[] {
  return Array.from({ length: content.length / width }, (_, index) => content.readUIntBE(index * width, width));
}
