import type { Check, Locate } from './check.ts';
import type { Problem } from './problem.ts';
import type { ListenConfig, Position } from './schema.ts';
import { type Endpoint, isLoopback } from './values.ts';

export const checkListeners: Check = function* ({ listen, admin, store }, locate) {
  if (listen && listen.header_timeout > listen.request_timeout) {
    // Node's server refuses to start with these.
    const message = 'the head of a request is a part of it: `header_timeout` may not exceed `request_timeout`';
    yield { position: locate(['listen', 'header_timeout']), message };
  }
  if (listen) yield* checkCertificateHeader(listen, locate);
  if (listen && store && listen.workers !== 1 && store.redis === undefined) {
    const message = 'workers share their state through Redis: set `store.redis`, or leave this out';
    yield { position: locate(['listen', 'workers']), message };
  }
  if (admin && admin.token === '' && !isLoopback(admin.address.host ?? '')) {
    const message = 'an admin address that is not loopback needs a `token`';
    yield { position: locate(['admin', 'address']), message };
  }
  if (listen && admin && overlap(listen.address, admin.address)) {
    // Either may be a default, which stands nowhere; the later one is in the file.
    const position = [locate(['listen', 'address']), locate(['admin', 'address'])].reduce(later);
    yield { position, message: '`listen` and `admin` need an address each' };
  }
};

function* checkCertificateHeader(listen: ListenConfig, locate: Locate): Iterable<Problem> {
  const { client_certificate_header: header, client_certificate_ca_file, trusted_proxies } = listen;
  if (header !== undefined && trusted_proxies.length === 0) {
    const message = 'whoever sends this header would be believed: name the proxies that may in `trusted_proxies`';
    yield { position: locate(['listen', 'client_certificate_header']), message };
  }
  if (header === undefined && client_certificate_ca_file !== undefined) {
    const message =
      'this is for certificates in the `client_certificate_header`; those of connections have `tls.client_ca_file`';
    yield { position: locate(['listen', 'client_certificate_ca_file'], 'key'), message };
  }
}

function overlap(a: Endpoint, b: Endpoint): boolean {
  if (a.port !== b.port || a.port === 0) return false;
  return a.host === b.host || isEveryInterface(a) || isEveryInterface(b);
}

function later(a: Position, b: Position): Position {
  return a.line > b.line || (a.line === b.line && a.column > b.column) ? a : b;
}

function isEveryInterface({ host }: Endpoint): boolean {
  return host === undefined || host === '0.0.0.0' || host === '::';
}
