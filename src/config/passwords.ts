import * as z from 'zod';
import { optional } from './values.ts';

const DIGESTS = ['md5', 'sha1', 'sha256', 'sha512'] as const;
const VALUES = ['password', 'salt', 'username'] as const;

const DIGEST = DIGESTS.join('|');
const FORM = new RegExp(`^(${DIGEST})\\("([^"]*)"\\)$`);
const PLACEHOLDER = new RegExp(`^\\{(?:(${DIGEST}):)?(${VALUES.join('|')})\\}$`);

/** The one scheme of crypt(3) that has to be asked for: it reads no more than eight characters of a password. */
export const DES_CRYPT = 'des-crypt';

/** A digest that a system computed of a text: what `md5("{salt}{md5:password}")` says. */
export interface PlainHash {
  readonly digest: Digest;
  /** The text, in order: what stands in it as it is, and what comes from the login. */
  readonly parts: readonly (string | Placeholder)[];
}

export interface Placeholder {
  readonly value: (typeof VALUES)[number];
  /** The value's digest, in hexadecimal and lower case, stands for it. */
  readonly digest?: Digest | undefined;
}

export type Digest = (typeof DIGESTS)[number];

const EXPECTED = `expected a digest of a text, such as md5("{salt}{password}"): one of ${DIGESTS.join(', ')}; or ${DES_CRYPT}`;

const askedHash = z
  .string({ error: EXPECTED })
  .meta({ pattern: `${FORM.source}|^${DES_CRYPT}$` })
  .transform((text, context): PlainHash | typeof DES_CRYPT => {
    if (text === DES_CRYPT) return text;
    const [, digest, template = ''] = FORM.exec(text) ?? [];
    const parts = template.split(/(\{[^{}]*\})/).flatMap(parsePart);
    const problem = digest === undefined ? EXPECTED : partsProblem(parts);
    if (problem === undefined) return { digest: digest as Digest, parts };
    context.addIssue(problem);
    return z.NEVER;
  });

/** How the system whose users a store keeps hashed their passwords: keys of every store that keeps hashes. */
export const passwords = {
  hash: optional(askedHash).describe(
    'How hashes that do not tell were made: `md5("{salt}{password}")` and the like, see [digests](users.md#digests), or `des-crypt`, see [DES](users.md#des).',
  ),
  unicode: z
    .enum(['raw', 'nfc'], { error: 'expected raw or nfc' })
    .default('raw')
    .describe(
      '`raw`: passwords are hashed as they are sent. `nfc`: in Normalization Form C. See [Unicode](users.md#unicode).',
    ),
};

export type PasswordConfig = z.output<z.ZodObject<typeof passwords>>;

function parsePart(part: string): (string | Placeholder)[] {
  const [placeholder, digest, value] = PLACEHOLDER.exec(part) ?? [];
  if (placeholder === undefined) return part === '' ? [] : [part];
  return [{ value: value as Placeholder['value'], ...(digest && { digest: digest as Digest }) }];
}

function partsProblem(parts: PlainHash['parts']): string | undefined {
  const texts = parts.filter((part) => typeof part === 'string');
  const values = parts.flatMap((part) => (typeof part === 'string' ? [] : part.value));
  if (texts.some((text) => /[{}]/.test(text))) {
    return 'expected braces only as in {password}, {salt}, {username} or {md5:password}';
  }
  return values.includes('password') ? undefined : 'a hash without {password} would be the same for every password';
}
