/**
 * One spelling of a cookie's name for all that a server may take for the same one: ASP.NET ignores case, PHP reads `a.b` as
 * `a_b` and `a[0]` as a list `a`, and before 7.4.11 decoded `%61` (CVE-2020-7070).
 */
export function cookieSpelling(name: string): string {
  const decoded = name.replace(/%([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)));
  return decoded
    .trim()
    .replace(/(?!^)\[.*/s, '')
    .toLowerCase()
    .replace(/[^a-z0-9]/g, '-');
}
