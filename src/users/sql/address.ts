/** Where a database is, and who asks it. */
export interface Address {
  readonly host: string;
  /** Undefined for the usual one. */
  readonly port: number | undefined;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

/** The parts of a URL such as postgres://user:password@host:5432/database, percent-decoded. */
export function addressOf(url: string): Address {
  const { hostname, port, username, password, pathname } = new URL(url);
  return {
    host: hostname.replace(/^\[(.*)\]$/, '$1'),
    port: port === '' ? undefined : Number(port),
    user: decodeURIComponent(username),
    password: decodeURIComponent(password),
    database: decodeURIComponent(pathname.slice(1)),
  };
}
