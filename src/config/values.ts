import { isIPv4, isIPv6 } from 'node:net';
import * as z from 'zod';

/**
 * The kinds of value that gateway.yaml is made of. Variables (`${PORT}`) arrive as text, so numbers and flags are read
 * from text too. No message repeats the value: it may have come from a variable.
 *
 * What is found out by code has its `pattern` beside it, which editors hold a value against while it is typed.
 */

const MILLISECONDS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const BYTES = { b: 1, kb: 1024, mb: 1024 ** 2, gb: 1024 ** 3 } as const;
const LONGEST_MS = 10 * 366 * MILLISECONDS.d;
/** Node's timers hold 31 bits of milliseconds; a longer one would fire at once. */
const LONGEST_TIMER_MS = 24 * MILLISECONDS.d;

/** Text of one form. */
function formed(form: RegExp, error: string) {
  return z.string({ error }).meta({ pattern: form.source });
}

const DURATION = 'expected a duration such as 500ms, 30s, 15m, 12h or 14d';
const DURATION_FORM = /^(\d+)(ms|s|m|h|d)$/;

/** `500ms`, `30s`, `15m`, `12h`, `14d`; in code: milliseconds. */
export const duration = formed(DURATION_FORM, DURATION).transform((value, context) => {
  const match = DURATION_FORM.exec(value);
  const milliseconds = match ? Number(match[1]) * MILLISECONDS[match[2] as keyof typeof MILLISECONDS] : Number.NaN;
  if (milliseconds <= LONGEST_MS) return milliseconds;
  context.addIssue(match ? 'a duration may be ten years at the most' : DURATION);
  return z.NEVER;
});

export const positiveDuration = duration.refine((ms) => ms > 0, 'a duration of zero would fail everything');

const isTimer = (ms: number) => ms <= LONGEST_TIMER_MS;

/** A duration that is waited for, not only compared. */
export const wait = duration.refine(isTimer, 'a wait may be 24 days at the most');

export const timeout = positiveDuration.refine(isTimer, 'a timeout may be 24 days at the most');

const RATE = 'expected a rate such as 100/1s';
const RATE_FORM = /^(\d{1,9})\/(\d+(?:ms|s|m|h|d))$/;

/** `100/1s`: requests, and the duration in which there may be as many. */
export const rate = formed(RATE_FORM, RATE).transform((value, context) => {
  const [, requests, per] = RATE_FORM.exec(value) ?? [];
  const parsed = positiveDuration.safeParse(per);
  if (Number(requests) > 0 && parsed.success) return { requests: Number(requests), per: parsed.data };
  context.addIssue(RATE);
  return z.NEVER;
});

const SIZE = 'expected a size such as 16kb or 10mb';
const SIZE_FORM = /^(\d+)([Bb]|[Kk][Bb]|[Mm][Bb]|[Gg][Bb])$/;

/** `512b`, `16kb`, `10mb`, `1gb`; in code: bytes. */
export const size = formed(SIZE_FORM, SIZE).transform((value, context) => {
  const match = SIZE_FORM.exec(value);
  const bytes = match ? Number(match[1]) * BYTES[(match[2] as string).toLowerCase() as keyof typeof BYTES] : Number.NaN;
  if (Number.isSafeInteger(bytes)) return bytes;
  context.addIssue(SIZE);
  return z.NEVER;
});

/** A whole number of at least `minimum`. */
export function count(minimum: number, maximum = 1_000_000_000) {
  const message = `expected a whole number from ${minimum} to ${maximum}`;
  return z
    .union([z.number().meta({ type: 'integer', minimum, maximum }), z.string().regex(/^\d+$/).transform(Number)], {
      error: message,
    })
    .refine((value) => Number.isSafeInteger(value) && value >= minimum && value <= maximum, message);
}

/** A whole number of at least 1, or `auto`: as many as the machine has cores for. */
export function countOrAuto(maximum: number) {
  return z.union([count(1, maximum), z.literal('auto')], {
    error: `expected a whole number from 1 to ${maximum}, or auto`,
  });
}

export const flag = z.union(
  [
    z.boolean(),
    z
      .string()
      .regex(/^(true|false)$/)
      .transform((text) => text === 'true'),
  ],
  { error: 'expected true or false' },
);

/** Text of at least one character. Numbers are refused: YAML would have read 0123 as another number. */
export const text = z.string({ error: ({ input }) => noText(input) }).min(1, 'expected text, found nothing');

function noText(value: unknown): string {
  if (value === null || value === undefined) return 'expected text, found nothing';
  if (typeof value === 'object') return `expected text, found a ${Array.isArray(value) ? 'list' : 'mapping'}`;
  return 'expected text; a number, true or false needs quotes';
}

const ENCRYPTION_KEY = 'expected 32 bytes, as 64 hexadecimal digits or in base64';

/** A key of AES-256: `openssl rand -hex 32`, `openssl rand -base64 32`; in code: 32 bytes. */
export const encryptionKey = z
  .string({ error: ENCRYPTION_KEY })
  .regex(/^([0-9A-Fa-f]{64}|[A-Za-z0-9+/_-]{43}=?)$/, ENCRYPTION_KEY)
  .transform((value): Uint8Array => Buffer.from(value, value.length === 64 ? 'hex' : 'base64'));

/** A key that may be left out. An empty value leaves it out too, so that `${REDIS_URL:-}` need not be set. */
export function optional<Schema extends z.ZodType>(schema: Schema) {
  return z.preprocess((value) => (value === '' ? undefined : value), schema.optional()).meta({ emptyIsAbsent: true });
}

/** One value, or a list of them; in code: a list. */
export function oneOrMore<Schema extends z.ZodType>(schema: Schema, error: string) {
  return z
    .union([z.array(schema).min(1, error), schema], { error })
    .transform((value) => [value].flat() as z.output<Schema>[]);
}

/** `a, b or c`. Intl.ListFormat would be loaded at each start, for as long as a small library. */
export function alternatives(words: readonly string[]): string {
  return [words.slice(0, -1).join(', '), ...words.slice(-1)].filter(Boolean).join(' or ');
}

const ESCAPED = 'in a password, # is written %23, / %2F, ? %3F and @ %40';

/** An absolute URL of one of these schemes, without credentials in it unless `credentials` allows them. */
export function url(schemes: readonly string[], { credentials = false, path = true, query = true } = {}) {
  const starts = schemes.map((scheme) => `${scheme}://`);
  const refused = [!path && 'path', !query && 'query', !credentials && 'credentials'].filter((part) => part !== false);
  const without = alternatives(refused);
  const message = `expected a URL that starts with ${starts.join(' or ')}${without && `, without ${without}`}`;
  return formed(new RegExp(`^(${schemes.join('|')})://`), message).refine(
    (value) => {
      // What URL would trim or mend is refused: others read the text as it is.
      if (!/^[\x21-\x5b\x5d-\x7e]+$/.test(value) || !starts.some((start) => value.startsWith(start))) return false;
      if (!URL.canParse(value)) return false;
      const parsed = new URL(value);
      const authority = /^[a-z]+:\/\/([^/?#]*)/.exec(value)?.[1] ?? '';
      return (
        authority !== '' &&
        parsed.hostname !== '' &&
        (credentials || !authority.includes('@')) &&
        (path || /^\/?$/.test(parsed.pathname)) &&
        (query || !/[?#]/.test(value))
      );
    },
    {
      error: ({ input }) => (credentials && String(input).includes('@') ? `${message}; ${ESCAPED}` : message),
    },
  );
}

/** Where keys come from: nobody on the way may replace them, so that clear text stays on this host. */
export const secureUrl = url(['https', 'http']).refine(
  (value) => !value.startsWith('http://') || !URL.canParse(value) || isLoopback(new URL(value).hostname),
  'expected https://; http:// is for this host only, as in http://127.0.0.1',
);

/** `localhost`, `::1` (in brackets or not), and all of 127.0.0.0/8. */
export function isLoopback(host: string): boolean {
  return /^(localhost|::1|\[::1\])$/.test(host) || (isIPv4(host) && host.startsWith('127.'));
}

export interface Endpoint {
  /** Undefined for all interfaces. */
  readonly host: string | undefined;
  readonly port: number;
}

const ENDPOINT = 'expected host:port, [::1]:8080, or :8080 for all interfaces';
const ENDPOINT_FORM = /^(?:\[(.+)\]|([^:]*)):(\d{1,5})$/;

/** `127.0.0.1:8080`, `[::1]:8080`, or `:8080` for all interfaces. Port 0 takes a free one. */
export const endpoint = formed(ENDPOINT_FORM, ENDPOINT).transform((value, context): Endpoint => {
  const [, ipv6, host, port] = ENDPOINT_FORM.exec(value) ?? [];
  const sound = ipv6 === undefined ? host === '' || isHost(host) : isIPv6(ipv6);
  if (sound && Number(port) <= MAX_PORT) return { host: ipv6 ?? (host || undefined), port: Number(port) };
  context.addIssue(ENDPOINT);
  return z.NEVER;
});

const HOST_FORM = /^(?:\[(.+)\]|([^:]+))(?::(\d{1,5}))?$/;

/** `api.example.com`, `10.0.0.1` or `[::1]`, maybe with a port, in lower case as hosts are compared. */
export const hostName = formed(HOST_FORM, 'expected a host name').transform((value, context) => {
  const [, ipv6, host, port] = HOST_FORM.exec(value) ?? [];
  const sound = ipv6 === undefined ? isHost(host) : isIPv6(ipv6);
  if (sound && Number(port ?? 0) <= MAX_PORT) return value.toLowerCase();
  context.addIssue('expected a host name such as api.example.com');
  return z.NEVER;
});

/** An IP address, or with `ranges` also a range of them: `10.0.0.0/8`. */
export function address(error: string, { ranges = false } = {}) {
  const known = z.union([z.ipv4(), z.ipv6(), ...(ranges ? [z.cidrv4(), z.cidrv6()] : [])]);
  return z.string({ error }).refine((value) => known.safeParse(value).success, error);
}

const HEADER_NAME = 'expected the name of a header (RFC 9110 §5.6.2)';
export const headerName = z.string({ error: HEADER_NAME }).regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, HEADER_NAME);

const MAX_PORT = 65_535;

/** A host that ends in a number is an IPv4 address or nothing (WHATWG URL, "ends in a number"). */
function isHost(host: string | undefined): boolean {
  if (host === undefined || host.length > 253) return false;
  if (/(^|\.)\d+$/.test(host)) return isIPv4(host);
  return host.split('.').every((label) => /^[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$/.test(label));
}

/** RFC 6749 §3.3: scope-token = 1*( %x21 / %x23-5B / %x5D-7E ). */
const scope = z
  .string({ error: 'expected a scope' })
  .regex(
    /^[\x21\x23-\x5b\x5d-\x7e]+$/,
    'a scope has no spaces, quotes, backslashes or non-ASCII characters (RFC 6749 §3.3)',
  );
export const scopes = z.array(scope, { error: 'expected a list of scopes' });

export const NO_DOTS = 'a path has no . or .. segments';
export const hasNoDots = (path: string) => !/\/\.{1,2}(\/|$)/.test(path);
