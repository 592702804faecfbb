import type { X509Certificate } from 'node:crypto';
import { SocketAddress } from 'node:net';
import { contentOf, type Element, readElements, readInside, readOid, TAG } from './der.ts';
import { type DistinguishedName, readDistinguishedName } from './distinguished-name.ts';

/** Whom a certificate is about. */
export interface CertificateNames {
  readonly subject: DistinguishedName;
  readonly alternatives: readonly AlternativeName[];
}

export interface AlternativeName {
  readonly kind: 'email' | 'dns' | 'uri' | 'ip';
  readonly value: string;
}

/**
 * Reads the names from the certificate's bytes. The text that Node makes of them is for people: in it, a name can be made
 * to look like several (CVE-2021-44532).
 *
 * @throws RangeError or TypeError for names that cannot be read.
 */
export function namesOf({ raw }: X509Certificate): CertificateNames {
  const [certificate] = readElements(raw);
  const [signed] = readInside(certificate, TAG.sequence);
  const fields = readInside(signed, TAG.sequence);
  // RFC 5280 §4.1: the version may be left out; then come serial number, algorithm, issuer, validity and subject.
  const subject = fields[fields[0]?.tag === VERSION ? 5 : 4];
  return {
    subject: readDistinguishedName(contentOf(subject, TAG.sequence)),
    alternatives: alternativeNames(fields.find(({ tag }) => tag === EXTENSIONS)),
  };
}

const VERSION = 0xa0;
const EXTENSIONS = 0xa3;
const SUBJECT_ALTERNATIVE_NAME = '2.5.29.17';

function alternativeNames(extensions: Element | undefined): AlternativeName[] {
  if (extensions === undefined) return [];
  const [list] = readElements(extensions.content);
  return readInside(list, TAG.sequence).flatMap((extension) => {
    const [id, ...rest] = readInside(extension, TAG.sequence);
    if (readOid(contentOf(id, TAG.oid)) !== SUBJECT_ALTERNATIVE_NAME) return [];
    const [names] = readElements(contentOf(rest.at(-1), TAG.octetString));
    return readInside(names, TAG.sequence).flatMap(alternativeName);
  });
}

/** The kinds of GeneralName that a client can be known by (RFC 5280 §4.2.1.6). */
function alternativeName({ tag, content }: Element): AlternativeName[] {
  const text = content.toString('latin1');
  switch (tag) {
    case 0x81:
      return [{ kind: 'email', value: text }];
    case 0x82:
      return [{ kind: 'dns', value: text.toLowerCase() }];
    case 0x86:
      return [{ kind: 'uri', value: text }];
    case 0x87:
      return content.length === 4 || content.length === 16 ? [{ kind: 'ip', value: addressText(content) }] : [];
    default:
      return [];
  }
}

function addressText(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2).toString(16));
  return new SocketAddress({ address: groups.join(':'), family: 'ipv6' }).address;
}
