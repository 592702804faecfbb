/** Only paths of this kind can be read as another one: `..` and empty segments have been refused by `parseTarget`. */
const FOLDABLE = /[A-Z;%]|\.\/|[./]$/;

/**
 * The path as the most forgiving upstream would read it: escapes decoded, case ignored (IIS), `;parameters` cut off
 * (Tomcat), dots and blanks at the end of a segment cut off (Windows), empty segments and the slash at the end dropped.
 * Undefined where it could not be read in another way at all.
 *
 * @param canonicalPath from `parseTarget`
 * @param encodedSlash whether `%2F` is a part of its segment, or parts two segments like any slash
 */
export function fold(canonicalPath: string, encodedSlash: 'joins' | 'parts'): string | undefined {
  if (!FOLDABLE.test(canonicalPath)) return undefined;
  const kept = encodedSlash === 'joins' ? canonicalPath.replaceAll('%2F', '%252F') : canonicalPath;
  const segments = decodeURIComponent(kept).split('/').map(foldSegment);
  return `/${segments.filter((segment) => segment !== '').join('/')}`;
}

/** @param segment decoded */
export function foldSegment(segment: string): string {
  const parameters = segment.indexOf(';');
  const name = parameters < 0 ? segment : segment.slice(0, parameters);
  return name.toLowerCase().replace(/[. ]+$/, '');
}
