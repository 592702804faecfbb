import type { Check } from './check.ts';
import type { Position } from './schema.ts';
import { type Endpoint, isLoopback } from './values.ts';

export const checkListeners: Check = function* ({ listen, admin }, locate) {
  if (listen && listen.header_timeout > listen.request_timeout) {
    // Node's server refuses to start with these.
    const message = 'the head of a request is a part of it: `header_timeout` may not exceed `request_timeout`';
    yield { position: locate(['listen', 'header_timeout']), message };
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
