import { readAttributes } from '../answer-attributes.ts';
import type { Carried } from '../user-store.ts';

/** As JSON. What is carried is a part of every access token, and that has to fit into a header. */
const MAX_CARRIED_BYTES = 2048;

/** What fits into a cookie and into any other header: visible ASCII, blanks inside of it, and no semicolon. */
const FITS_INTO_HEADER = /^(?! )[\x20-\x3a\x3c-\x7e]+(?<! )$/;

/**
 * What a login has at the places that `carry` names; undefined when it names none.
 *
 * @throws Error when the login lacks one of them, or has something there that cannot be carried.
 */
export function readCarried(
  carry: Readonly<Record<string, string>>,
  documents: Readonly<Record<string, unknown>>,
): Carried | undefined {
  const names = Object.keys(carry);
  if (names.length === 0) return undefined;
  const read = readAttributes(carry, documents);
  const carried = Object.fromEntries(names.map((name) => [name, fitting(name, read[name])]));
  const bytes = JSON.stringify(carried).length;
  if (bytes > MAX_CARRIED_BYTES) throw new Error(`what \`carry\` reads has ${bytes} bytes, over ${MAX_CARRIED_BYTES}`);
  return carried;
}

function fitting(name: string, value: unknown): string {
  if (typeof value === 'string' && FITS_INTO_HEADER.test(value)) return value;
  const problem = value === undefined ? 'is not there' : 'is no text that fits into a header';
  throw new Error(`the \`${name}\` to carry ${problem}`);
}
