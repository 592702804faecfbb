import type { IncomingMessage } from 'node:http';
import type { Context, Middleware } from 'koa';
import { GatewayError } from '../errors.ts';

/** The parameters of a form, each of them there once. */
export type Form = ReadonlyMap<string, string>;

/** Parameters that must not stand in a URL, where logs and histories keep them (RFC 6749 §2.3.1, §4.3.2). */
const NEVER_IN_QUERY = [
  'grant_type',
  'username',
  'password',
  'client_id',
  'client_secret',
  'client_assertion',
  'refresh_token',
  'access_token',
  'token',
];

/**
 * Reads an `application/x-www-form-urlencoded` body. A type that is not a form is 400 and not 415, which no OAuth
 * client expects (RFC 6749 §5.2).
 *
 * @throws GatewayError `invalid_request`.
 */
export async function readForm(ctx: Context): Promise<Form> {
  refuseQuery(ctx);
  if (!ctx.is('application/x-www-form-urlencoded')) {
    throw refusal('The body has to be application/x-www-form-urlencoded.');
  }
  await Promise.race([parseBody(ctx), brokenOff(ctx.req)]);
  return parseForm(String(ctx.request.rawBody ?? ''));
}

let parser: Middleware | undefined;

async function parseBody(ctx: Context): Promise<void> {
  parser ??= await createParser();
  await parser(ctx, async () => {});
}

/** Loaded with the first form, for it brings tables of many encodings. */
async function createParser(): Promise<Middleware> {
  const { default: bodyParser } = await import('koa-bodyparser');
  return bodyParser({
    enableTypes: ['form'],
    formLimit: '16kb',
    onerror: (cause) => {
      // The limit is on the body as it is after gunzip, so that a small bomb does not become a large form.
      if ('status' in cause && cause.status === 413) {
        throw new GatewayError('invalid_request', { status: 413, description: 'The body is over 16 kb.', cause });
      }
      throw new GatewayError('invalid_request', { description: 'The body could not be read.', cause });
    },
  });
}

/** Rejects if the body does not come to its end. The parser is not told of that, and would wait for ever, if the body is compressed. */
function brokenOff(request: IncomingMessage): Promise<never> {
  return new Promise((_, reject) => {
    request.once('close', () => {
      if (!request.complete) reject(refusal('The body could not be read.'));
    });
  });
}

/** The value of a parameter; one without a value counts as left out (RFC 6749 §3.2). */
export function parameter(form: Form, name: string): string | undefined {
  return form.get(name) || undefined;
}

/** @throws GatewayError `invalid_request` when the parameter was left out. */
export function requiredParameter(form: Form, name: string): string {
  const value = parameter(form, name);
  if (value === undefined) throw refusal(`${name} is needed.`);
  return value;
}

/** From the raw body and not from a parsed object, in which repeated and bracketed parameters have become something else. */
function parseForm(raw: string): Form {
  const form = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(raw)) {
    if (form.has(name)) throw refusal('A parameter was sent twice.');
    if (/[[\]]/.test(name)) throw refusal('A parameter has brackets in its name.');
    form.set(name, value);
  }
  const replaced = [...form].some(([name, value]) => `${name}${value}`.includes('\ufffd'));
  if (replaced && !/%EF%BF%BD|\ufffd/i.test(raw)) throw refusal('A parameter is not encoded in UTF-8.');
  return form;
}

function refuseQuery(ctx: Context): void {
  const query = new URLSearchParams(ctx.querystring);
  if (NEVER_IN_QUERY.some((name) => query.has(name))) {
    throw refusal('Credentials and parameters belong in the body, never in the query string.');
  }
}

function refusal(description: string): GatewayError {
  return new GatewayError('invalid_request', { description });
}
