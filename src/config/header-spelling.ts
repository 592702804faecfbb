/**
 * One spelling of a header's name for all that a server may take for the same one. CGI and its heirs (WSGI, PHP, Rack) make
 * one variable of `X-User`, `X_User` and, some of them, of every other character in the hyphen's place (lighttpd).
 */
export function headerSpelling(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '-');
}
