import { z } from 'zod';
import { section } from './section.ts';
import { flag, hasNoDots, hostName, NO_DOTS, optional, scopes, size, text } from './values.ts';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;

/** No wildcards, escapes or `;parameters`, which servers read in ways of their own; nothing that cannot be seen. */
const SEGMENT = String.raw`[^/{}*?#\\%;\s\p{C}]+`;

/** `/a/{name}/b`, or `/a/**`: this and all below it. */
export const routePath = z
  .string({ error: 'expected a path that starts with /' })
  .regex(
    new RegExp(String.raw`^(?!$)(/|(/(\{[A-Za-z_]\w*\}|${SEGMENT}))*(/\*\*)?)$`, 'u'),
    'expected a path such as /orders, /orders/{id} or /orders/**',
  )
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
  path: routePath,
  methods: z
    .array(z.enum(METHODS, { error: `expected one of ${METHODS.join(', ')}` }), { error: 'expected a list of methods' })
    .min(1, 'leave `methods` out for all of them')
    .optional(),
  scopes: scopes.default([]),
  any_scope: scopes.default([]),
  require: claimRules.default({}),
  audience: optional(text),
  issuers: z
    .array(text, { error: 'expected a list of issuers' })
    .min(1, 'leave `issuers` out for `self` alone')
    .default([SELF]),
  public: flag.default(false),
  upstream: text,
  rewrite: optional(routePath),
  strip_prefix: optional(pathPrefix),
  websocket: flag.default(false),
  max_body: size.prefault('10mb'),
  encoded_slashes: flag.default(false),
  host: optional(hostName),
  mode: mode.optional(),
});
