import { randomUUID } from 'node:crypto';

/** What a caller's own X-Request-Id may be made of: it goes into logs and upstream headers as it is. */
const ACCEPTABLE = /^[A-Za-z0-9._~+/=:@-]{1,128}$/;

/** The caller's X-Request-Id if it is fit to be passed on, else a new one. */
export function requestId(sent: string | string[] | undefined): string {
  return typeof sent === 'string' && ACCEPTABLE.test(sent) ? sent : randomUUID();
}
