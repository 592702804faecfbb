import { z } from 'zod';

/** The kinds of value that gateway.yaml is made of. Variables (`${PORT}`) arrive as text, so numbers and flags are read from text too. */

const MILLISECONDS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const BYTES = { b: 1, kb: 1024, mb: 1024 ** 2, gb: 1024 ** 3 } as const;
/** The longest timer that Node can set (2^31 - 1 ms) is a little over 24 days; nothing longer is waited for, only compared. */
const LONGEST_MS = 10 * 366 * MILLISECONDS.d;

/** `500ms`, `30s`, `15m`, `12h`, `14d`; in code: milliseconds. */
export const duration = z
  .string({ error: 'expected a duration such as 500ms, 30s, 15m, 12h or 14d' })
  .transform((text, context) => {
    const match = /^(\d+)(ms|s|m|h|d)$/.exec(text);
    const milliseconds = match ? Number(match[1]) * MILLISECONDS[match[2] as keyof typeof MILLISECONDS] : Number.NaN;
    if (milliseconds <= LONGEST_MS) return milliseconds;
    context.addIssue(
      match ? 'a duration may be ten years at the most' : 'expected a duration such as 500ms, 30s, 15m, 12h or 14d',
    );
    return z.NEVER;
  });

/** `512b`, `16kb`, `10mb`, `1gb`; in code: bytes. */
export const size = z.string({ error: 'expected a size such as 16kb or 10mb' }).transform((text, context) => {
  const match = /^(\d+)(b|kb|mb|gb)$/i.exec(text);
  const bytes = match ? Number(match[1]) * BYTES[(match[2] as string).toLowerCase() as keyof typeof BYTES] : Number.NaN;
  if (Number.isSafeInteger(bytes)) return bytes;
  context.addIssue('expected a size such as 16kb or 10mb');
  return z.NEVER;
});

export const positiveDuration = duration.refine((ms) => ms > 0, 'a duration of zero would fail everything');

/** A whole number of at least `minimum`. */
export function count(minimum: number, maximum = 1_000_000_000) {
  const message = `expected a whole number from ${minimum} to ${maximum}`;
  return z
    .union([z.number(), z.string().regex(/^\d+$/).transform(Number)], { error: message })
    .refine((value) => Number.isSafeInteger(value) && value >= minimum && value <= maximum, message);
}

export const flag = z.union([z.boolean(), z.enum(['true', 'false']).transform((text) => text === 'true')], {
  error: 'expected true or false',
});

/** Text of at least one character. Numbers are refused: YAML would have read 0123 as another number. */
export const text = z.string({ error: 'expected text' }).min(1, 'expected text, found nothing');

/** An absolute URL of one of these schemes, without credentials in it unless `credentials` allows them. */
export function url(schemes: readonly string[], { credentials = false, path = true, query = true } = {}) {
  return z.string({ error: 'expected a URL' }).refine(
    (value) => {
      if (!URL.canParse(value)) return false;
      const parsed = new URL(value);
      return (
        schemes.includes(parsed.protocol.slice(0, -1)) &&
        (credentials || (parsed.username === '' && parsed.password === '')) &&
        (path || parsed.pathname === '/') &&
        (query || (parsed.search === '' && parsed.hash === ''))
      );
    },
    `expected a URL that starts with ${schemes.map((scheme) => `${scheme}://`).join(' or ')}${path ? '' : ', has no path'}${query ? '' : ' and no query'}`,
  );
}

export interface Endpoint {
  /** Undefined for all interfaces. */
  readonly host: string | undefined;
  readonly port: number;
}

/** `127.0.0.1:8080`, `[::1]:8080`, or `:8080` for all interfaces. Port 0 takes a free one. */
export const endpoint = z
  .string({ error: 'expected host:port, [::1]:8080, or :8080 for all interfaces' })
  .transform((value, context): Endpoint => {
    const match = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9.-]*)):(\d{1,5})$/.exec(value);
    const port = Number(match?.[3]);
    if (match && port <= 65_535) return { host: match[1] ?? (match[2] || undefined), port };
    context.addIssue('expected host:port, [::1]:8080, or :8080 for all interfaces');
    return z.NEVER;
  });
