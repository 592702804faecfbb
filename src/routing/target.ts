import { GatewayError } from '../errors.ts';
import { plain } from './fold.ts';

/** What a request asks for, in the one spelling that rules are matched against and that the upstream gets. */
export interface Target {
  /** Begins with a single `/`; unreserved characters stand for themselves, all other escapes are upper-case. */
  readonly path: string;
  /** As it was sent: empty, or from its `?` on. It never takes part in matching. */
  readonly query: string;
}

/** Longer targets are refused; 8000 is the least that RFC 9110 §4.1 asks for. */
const LONGEST_TARGET = 8192;

/** No escapes, no empty segments, no segment that begins with a dot: nothing to canonicalise. */
const PLAIN_PATH = /^(?=\/)(?:\/(?!\.)[\w!$&'()*+,;=:@.~-]+)*\/?$/;
/** Visible ASCII but `#`. */
const QUERY = /^[\x21\x22\x24-\x7e]*$/;

/** In a decoded path. Some upstreams cut `;parameters`, a query or blanks off before they resolve dots. */
const DOT_SEGMENT = /[/\\]\.{1,2} *(?=[/\\;?#]|$)/;

/**
 * Turns the request target of an HTTP/1.1 request line (RFC 9112 §3.2.1, origin form only) into its canonical spelling.
 *
 * The path is decoded once, here, and only where RFC 3986 §6.2.2.2 says that nothing changes. What an upstream could
 * read in another way than the rules do (dot segments, empty segments, backslashes, control characters, double encoding,
 * overlong UTF-8) is refused, never repaired. `%2F` stays as it is: the matcher refuses it unless the route opts in.
 *
 * @throws GatewayError `invalid_request`
 */
export function parseTarget(requestTarget: string): Target {
  if (requestTarget.length > LONGEST_TARGET) throw refused('The request target is too long.');
  const mark = requestTarget.indexOf('?');
  const path = mark < 0 ? requestTarget : requestTarget.slice(0, mark);
  const query = mark < 0 ? '' : requestTarget.slice(mark);
  if (!QUERY.test(query)) throw refused('The query holds a character that must be percent-encoded.');
  return { path: PLAIN_PATH.test(path) ? path : canonicalPath(path), query };
}

function canonicalPath(raw: string): string {
  if (!raw.startsWith('/')) throw refused('The request target must be a path.');
  if (/[^\x21-\x7e]|[\\#]/.test(raw)) throw refused('The path holds a character that must be percent-encoded.');
  if (/%(?![0-9A-Fa-f]{2})/.test(raw)) throw refused('The path holds a percent sign that is no escape.');
  const path = raw.replace(/%../g, canonicalEscape);
  refuseAmbiguous(path);
  return path;
}

/** RFC 3986 §6.2.2: an escaped unreserved character is that character; all others are the same in either case. */
function canonicalEscape(octet: string): string {
  const character = String.fromCharCode(Number.parseInt(octet.slice(1), 16));
  return /[A-Za-z0-9._~-]/.test(character) ? character : octet.toUpperCase();
}

/** Looks at the canonical spelling, in which decoding may have made a new escape out of `%25%34%31`. */
function refuseAmbiguous(path: string): void {
  if (path.includes('//')) throw refused('The path holds an empty segment.');
  if (/%25[0-9A-Fa-f]{2}/.test(path)) throw refused('The path is encoded twice.');
  if (path.includes('%5C')) throw refused('The path holds an encoded backslash.');
  const text = decoded(path);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  if (/[\x00-\x1f\x7f-\x9f]/.test(text)) throw refused('The path holds an encoded control character.');
  if (DOT_SEGMENT.test(plain(text))) throw refused('The path holds a dot segment.');
}

/** @throws GatewayError where the escapes are not UTF-8: overlong forms, surrogates, stray bytes. */
function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    throw refused('The escapes in the path are not UTF-8.');
  }
}

function refused(description: string): GatewayError {
  return new GatewayError('invalid_request', { description });
}
