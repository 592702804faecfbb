import * as z from 'zod';
import { section } from './section.ts';
import { flag, hasNoDots, hostName, NO_DOTS, optional, scopes, size, text } from './values.ts';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;

/** No wildcards, escapes or `;parameters`, which servers read in ways of their own; nothing that cannot be seen. */
const SEGMENT = String.raw`[^/{}*?#\\%;\s\p{C}]+`;

/** What people write in paths, and what there is in its place. */
const PATH_HINTS: readonly (readonly [written: RegExp, hint: string])[] = [
  [/:\/\//, 'without a scheme and a host'],
  [/\?/, 'without a query'],
  [/\*\*./, '/** stands at the end only'],
  [/\*/, 'one segment is {name}, and all below is /**'],
  [/[{}]/, '{name} is a whole segment, and its name has letters, digits and _'],
  [/.\/$/, 'without a slash at its end'],
];

function pathProblem(path: unknown): string {
  const hint = PATH_HINTS.find(([written]) => written.test(String(path)))?.[1];
  return `expected a path such as /orders, /orders/{id} or /orders/**${hint === undefined ? '' : `; ${hint}`}`;
}

/** `/a/{name}/b`, or `/a/**`: this and all below it. */
export const routePath = z
  .string({ error: 'expected a path that starts with /' })
  .regex(new RegExp(String.raw`^(?!$)(/|(/(\{[A-Za-z_]\w*\}|${SEGMENT}))*(/\*\*)?)$`, 'u'), {
    error: ({ input }) => pathProblem(input),
  })
  .refine(hasNoDots, NO_DOTS);

export const pathPrefix = z
  .string({ error: 'expected a path that starts with /' })
  .regex(new RegExp(`^(/${SEGMENT})+$`, 'u'), 'expected a path such as /travel, without a slash at its end')
  .refine(hasNoDots, NO_DOTS);

/** Whether what a route would refuse is refused, or only told to the operator. */
export const mode = z.enum(['enforce', 'report'], { error: 'expected enforce or report' });

/** How a route names the gateway itself among its issuers. */
export const SELF = 'self';

const claimValue = z.union([z.string(), z.number(), z.boolean()]).transform(String);

/** Claims and what they may be: in code always lists of texts, for it is texts that are compared. */
const claimRules = z.record(
  text,
  z
    .union([z.array(claimValue), claimValue.transform((value) => [value])], {
      error: 'expected a text, a number, true or false, or a list of these',
    })
    .refine((accepted) => accepted.length > 0, 'a rule needs a value that the claim may have'),
  { error: 'expected a mapping of claims to what they may be' },
);

export const route = section({
  path: routePath.describe('`/orders`, `/orders/{id}`, `/orders/**`.'),
  methods: z
    .array(z.enum(METHODS, { error: `expected one of ${METHODS.join(', ')}` }), { error: 'expected a list of methods' })
    .min(1, 'leave `methods` out for all of them')
    .optional()
    .meta({
      description: `Of ${METHODS.map((method) => `\`${method}\``).join(', ')}. \`GET\` does not include \`HEAD\`.`,
      absent: 'all seven',
    }),
  scopes: scopes.default([]).describe('The token must have all of these. Otherwise 403 `insufficient_scope`.'),
  any_scope: scopes.default([]).describe('The token must have one of these. Otherwise 403.'),
  require: claimRules
    .prefault({})
    .describe('What claims of the token must be: see [claim rules](#claim-rules). Otherwise 403 `access_denied`.'),
  audience: optional(text).meta({
    description: 'What must be in the `aud` of the token, whoever issued it.',
    absent: "the issuer's",
  }),
  issuers: z
    .array(text, { error: 'expected a list of issuers' })
    .min(1, 'leave `issuers` out for `self` alone')
    .default([SELF])
    .describe('Whose tokens the route takes: `self`, and issuers of `tokens.trusted_issuers`.'),
  public: flag
    .prefault(false)
    .describe(
      'Whether the route needs no token. A token that is sent is not looked at. A public route has no scopes, `require`, `audience` or `issuers`.',
    ),
  upstream: text.describe('The name of an upstream.'),
  rewrite: optional(routePath).describe('The path that the upstream gets: see [rewriting](#rewriting).'),
  strip_prefix: optional(pathPrefix).describe('What is cut off from the path. Not together with `rewrite`.'),
  websocket: flag.prefault(false).describe('Whether WebSocket upgrades are let through.'),
  max_body: size
    .prefault('10mb')
    .describe('The largest request body. More is 413; if the response has begun already, the connection is cut.'),
  encoded_slashes: flag.prefault(false).describe('Whether the path may have `%2F`.'),
  host: optional(hostName).meta({
    description: 'The `Host` that the route is for, with or without a port.',
    absent: 'all hosts',
  }),
  mode: mode.optional().meta({
    description: '`enforce`, or `report`: what the guard would refuse is logged and counted, and passes.',
    absent: 'that of [the file](#mode)',
  }),
});
