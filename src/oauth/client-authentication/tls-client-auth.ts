import { SocketAddress } from 'node:net';
import type { ClientConfig } from '../../config/schema.ts';
import { type AlternativeName, type CertificateNames, namesOf } from '../../tls/certificate-names.ts';
import { type ClientCertificate, isInForce } from '../../tls/client-certificate.ts';
import { isSameName, parseDistinguishedName } from '../../tls/distinguished-name.ts';

/** `tls_client_auth` (RFC 8705 §2.1): authorities vouch for the certificate, and it has the client's one configured name. */
export function showsOwnName(certificate: ClientCertificate, client: ClientConfig): boolean {
  if (!isInForce(certificate.x509) || !certificate.isTrusted()) return false;
  const names = readableNames(certificate);
  return names !== undefined && hasName(names, client);
}

function readableNames({ x509 }: ClientCertificate): CertificateNames | undefined {
  try {
    return namesOf(x509);
  } catch (error) {
    if (error instanceof RangeError || error instanceof TypeError) return undefined;
    throw error;
  }
}

function hasName({ subject, alternatives }: CertificateNames, client: ClientConfig): boolean {
  if (client.tls_subject_dn !== undefined) {
    const expected = parseDistinguishedName(client.tls_subject_dn);
    return expected !== undefined && isSameName(subject, expected);
  }
  const expected = expectedAlternative(client);
  return alternatives.some(({ kind, value }) => kind === expected?.kind && value === expected.value);
}

/** Names of hosts are in lower case, and addresses in one spelling, as in what was read of the certificate. */
function expectedAlternative(client: ClientConfig): AlternativeName | undefined {
  const { tls_san_dns, tls_san_uri, tls_san_ip, tls_san_email } = client;
  if (tls_san_dns !== undefined) return { kind: 'dns', value: tls_san_dns.toLowerCase() };
  if (tls_san_uri !== undefined) return { kind: 'uri', value: tls_san_uri };
  if (tls_san_email !== undefined) return { kind: 'email', value: tls_san_email };
  if (tls_san_ip === undefined) return undefined;
  const family = tls_san_ip.includes(':') ? 'ipv6' : 'ipv4';
  return { kind: 'ip', value: new SocketAddress({ address: tls_san_ip, family }).address };
}
