import { valueAt } from '../dotted-path.ts';

/** Makes the value of one identity header or cookie; undefined when something that it reads is missing. */
export type IdentityTemplate = (
  claims: Readonly<Record<string, unknown>>,
  carried?: Readonly<Record<string, string>>,
) => string | undefined;

const PLACEHOLDER = /\{(token|carry)\.([^{}]+)\}/;

/**
 * Compiles a value of `identity_headers` or `cookies`, such as `{token.sub}`, `{token.customData.cn}`, `Basic realm of
 * {token.sub}` or `Bearer {carry.session}`. What is carried fits into a header as it is.
 *
 * A claim becomes text that no two different claims share, and that fits into a header:
 * - strings: all outside of visible ASCII and inner blanks, and `%` itself, is percent-encoded as UTF-8 (`Zo%C3%AB`), and
 *   so are blanks at either end, for receivers trim them and `" admin"` must not become `admin`;
 * - numbers and booleans as JSON writes them;
 * - lists of those: joined by a comma, with commas in them encoded (`%2C`);
 * - everything else: JSON, in which `\u` escapes stand for what is not ASCII.
 *
 * A missing or null claim leaves the whole header out, and so does a session that is not carried.
 */
export function identityTemplate(text: string): IdentityTemplate {
  // Splitting by a pattern with two groups gives a literal, a subject and a name in turn.
  const parts = text.split(new RegExp(PLACEHOLDER, 'g'));
  return (claims, carried = NOTHING) => {
    let value = parts[0] ?? '';
    for (let index = 1; index < parts.length; index += 3) {
      const [subject, name = '', literal = ''] = parts.slice(index, index + 3);
      const piece = subject === 'carry' ? carried[name] : claimText(valueAt(claims, name));
      if (piece === undefined) return undefined;
      value += piece + literal;
    }
    return value;
  };
}

const NOTHING: Readonly<Record<string, string>> = Object.create(null);

function claimText(claim: unknown): string | undefined {
  if (claim === undefined || claim === null) return undefined;
  if (isScalar(claim)) return encoded(claim);
  if (Array.isArray(claim) && claim.every(isScalar)) return claim.map(encodedItem).join(',');
  return JSON.stringify(claim).replace(/[^\x20-\x7e]/g, jsonEscape);
}

function isScalar(value: unknown): value is string | number | boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}

function encoded(claim: string | number | boolean): string {
  return String(claim).replace(/[^\x20-\x7e]+|^ +| +$|%/g, percentEncoded);
}

function encodedItem(item: string | number | boolean): string {
  return encoded(item).replaceAll(',', '%2C');
}

/** By way of bytes, where lone surrogates become U+FFFD; encodeURIComponent would throw on them. */
function percentEncoded(text: string): string {
  return encodeURIComponent(Buffer.from(text).toString());
}

function jsonEscape(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
