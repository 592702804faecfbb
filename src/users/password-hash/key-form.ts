type Encoding = 'ascii' | 'hex' | keyof typeof BASE64;

/** Base64 as it is written: padded (RFC 4648 §4), without padding, and passlib's, which also has `.` for `+`. */
const BASE64 = {
  base64: (text: string) => text,
  bare64: (text: string) => text.replace(/=+$/, ''),
  ab64: (text: string) => text.replace(/=+$/, '').replaceAll('+', '.'),
};

/** One way of writing a derived key and its salt: a pattern with groups of these names, and how both are encoded. */
export interface KeyForm {
  readonly pattern: RegExp;
  readonly salt: Encoding;
  readonly expected: Encoding;
}

/** The groups of the first form that a stored hash has, with salt and key decoded; undefined when it has none. */
export function matchForm(forms: readonly KeyForm[], stored: string) {
  for (const { pattern, ...encodings } of forms) {
    const groups = pattern.exec(stored)?.groups;
    const salt = groups && decode(groups.salt ?? '', encodings.salt);
    const expected = groups && decode(groups.expected ?? '', encodings.expected);
    if (salt && expected) return { groups, salt, expected };
  }
  return undefined;
}

/** Undefined when the text is not exactly what its bytes are written as. */
function decode(text: string, encoding: Encoding): Buffer | undefined {
  if (encoding === 'ascii') return Buffer.from(text, 'latin1');
  if (encoding === 'hex') return Buffer.from(text, 'hex');
  const bytes = Buffer.from(text.replaceAll('.', '+'), 'base64');
  return BASE64[encoding](bytes.toString('base64')) === text ? bytes : undefined;
}
