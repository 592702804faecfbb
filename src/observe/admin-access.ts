import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { GatewayError } from '../errors.ts';

/**
 * Lets through who has the admin token. Where there is none, the address is loopback, and everybody on this host is let
 * through, but no web page that a browser on it shows: a page gives itself away by its Origin, or by a Host that is the
 * page's own name and was made to lead here (DNS rebinding).
 *
 * @throws GatewayError `unauthorized` or `access_denied`.
 */
export function refuseStrangers({ headers }: IncomingMessage, token: string): void {
  if (token !== '') {
    if (timingSafeEqual(sha256(`Bearer ${token}`), sha256(headers.authorization ?? ''))) return;
    throw new GatewayError('unauthorized', {
      description: 'The admin token is needed.',
      headers: { 'WWW-Authenticate': 'Bearer realm="postern admin"' },
    });
  }
  const { host = '', origin } = headers;
  const isOwnPage = origin === undefined || origin === `http://${host}`;
  if (!isOwnPage || !isThisHost(host)) {
    throw new GatewayError('access_denied', { description: 'Web pages may not ask this without the admin token.' });
  }
}

/** A name that cannot be made to lead elsewhere: an address, or localhost. */
function isThisHost(host: string): boolean {
  const name = host.replace(/:\d+$/, '');
  return name === 'localhost' || isIP(name.replace(/^\[(.+)\]$/, '$1')) !== 0;
}

function sha256(value: string): Buffer {
  return createHash('sha256').update(value).digest();
}
