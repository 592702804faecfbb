import type { X509Certificate } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';
import { LRUCache } from 'lru-cache';
import { GatewayError } from '../errors.ts';
import { singleHeader } from '../routing/single-header.ts';
import type { Authorities } from './authorities.ts';
import { readCertificateHeader } from './certificate-header.ts';
import { type ClientCertificate, thumbprintOf } from './client-certificate.ts';

const REMEMBERED_HEADERS = 1000;

interface Believed {
  /** `listen.client_certificate_header`, in lower case; undefined where none is believed. */
  readonly header: string | undefined;
  /** Whether OpenSSL was given authorities of ours, so that its verdict on a connection means anything. */
  readonly handshakeVerifies: boolean;
  /** For certificates that come in the header. */
  readonly authorities: Authorities | undefined;
}

/** Finds the certificate of the client that sends a request: that of the connection, or one that a trusted proxy tells. */
export class ClientCertificates {
  readonly #believed: Believed;
  readonly #ofConnections = new WeakMap<TLSSocket, ClientCertificate>();
  readonly #ofHeaders = new LRUCache<string, ClientCertificate>({ max: REMEMBERED_HEADERS });

  constructor(believed: Believed) {
    this.#believed = believed;
  }

  /**
   * Where a header is configured, a trusted proxy's word is final: without the header its client has shown no certificate,
   * and that of the connection is the proxy's own. From all others the header means nothing.
   *
   * @throws GatewayError `invalid_request` for a header that is there twice or holds no certificate.
   */
  of({ socket, rawHeaders }: IncomingMessage, isFromTrustedProxy: boolean): ClientCertificate | undefined {
    const { header } = this.#believed;
    if (header !== undefined && isFromTrustedProxy) return this.#fromHeader(singleHeader(rawHeaders, header));
    return socket instanceof TLSSocket ? this.#fromConnection(socket) : undefined;
  }

  #fromHeader(value: string | undefined): ClientCertificate | undefined {
    if (value === undefined || value === '') return undefined;
    const remembered = this.#ofHeaders.get(value);
    if (remembered) return remembered;
    const x509 = readCertificateHeader(value);
    if (x509 === undefined) {
      throw new GatewayError('invalid_request', {
        description: 'The certificate header does not hold one certificate.',
      });
    }
    const certificate = judged(x509, () => this.#believed.authorities?.vouchFor(x509) ?? false);
    this.#ofHeaders.set(value, certificate);
    return certificate;
  }

  #fromConnection(socket: TLSSocket): ClientCertificate | undefined {
    const remembered = this.#ofConnections.get(socket);
    if (remembered) return remembered;
    const x509 = socket.getPeerX509Certificate();
    if (x509 === undefined) return undefined;
    const certificate = judged(x509, () => this.#believed.handshakeVerifies && socket.authorized);
    this.#ofConnections.set(socket, certificate);
    return certificate;
  }
}

function judged(x509: X509Certificate, isTrusted: () => boolean): ClientCertificate {
  return { x509, thumbprint: thumbprintOf(x509), isTrusted };
}
