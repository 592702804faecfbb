import { GatewayError } from '../errors.ts';

/**
 * The value of a header that may be sent once; undefined if it was not sent. Node keeps the first of several Host or
 * Authorization headers and drops the rest unseen, while an upstream may go by another one, so they are counted in the
 * raw headers.
 *
 * @param rawHeaders names and values in turn (`http.IncomingMessage`)
 * @param name in lower case
 * @throws GatewayError `invalid_request` (RFC 9112 §3.2 for Host, RFC 6750 §2 for Authorization).
 */
export function singleHeader(rawHeaders: readonly string[], name: string): string | undefined {
  let found: string | undefined;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const sent = rawHeaders[index] as string;
    if (sent.length !== name.length || sent.toLowerCase() !== name) continue;
    if (found !== undefined) {
      throw new GatewayError('invalid_request', { description: `There is more than one ${name} header.` });
    }
    found = rawHeaders[index + 1];
  }
  return found;
}
