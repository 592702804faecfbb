/** Only paths of this kind can be read as another one: `..` and empty segments have been refused by `parseTarget`. */
const FOLDABLE = /[A-Z;%]|\.\/|[./]$/;

/**
 * The path as the most forgiving upstream would read it: escapes decoded, look-alikes made plain, case ignored (IIS),
 * `;parameters` cut off (Tomcat), dots and blanks at the end of a segment cut off (Windows), empty segments and the slash
 * at the end dropped. Undefined where it could not be read in another way at all.
 *
 * @param canonicalPath from `parseTarget`
 * @param encodedSlash whether `%2F` is a part of its segment, or parts two segments like any slash
 */
export function fold(canonicalPath: string, encodedSlash: 'joins' | 'parts'): string | undefined {
  if (!FOLDABLE.test(canonicalPath)) return undefined;
  const kept = encodedSlash === 'joins' ? canonicalPath.replaceAll('%2F', '%252F') : canonicalPath;
  const segments = plain(decodeURIComponent(kept)).split(/[/\\]/).map(foldSegment);
  return `/${segments.filter((segment) => segment !== '').join('/')}`;
}

/** @param segment decoded */
export function foldSegment(segment: string): string {
  // Who decodes a path before taking the query off it cuts at `?` and `#` (mod_rewrite of Apache).
  const [name = ''] = plain(segment).split(/[;?#]/, 1);
  return foldCase(name).replace(/[. ]+$/, '');
}

/**
 * The text without characters that nobody sees, and with one spelling of each other: wide dots, slashes and letters are
 * plain ones, accents are part of their letter (NFKC). File systems and frameworks do so, some after they looked for dots.
 *
 * @param text decoded
 */
export function plain(text: string): string {
  return text.replace(/\p{Default_Ignorable_Code_Point}/gu, '').normalize('NFKC');
}

/** By way of upper case, as Java and Windows compare: so dotless `ı` is an `i`, and `İ` without the dot that it leaves. */
function foldCase(text: string): string {
  return text.toUpperCase().toLowerCase().replaceAll('i\u0307', 'i');
}
