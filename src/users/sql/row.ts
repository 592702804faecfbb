import type { HashedUser } from '../hashed-passwords.ts';
import type { StoredPassword } from '../password-hash/password-checker.ts';

/** A row as the drivers give it, by the names of its columns. */
export type Row = Readonly<Record<string, unknown>>;

/** @throws Error when the row is not that of a user; its message holds no value of it. */
export function readRow({ password_hash, password_salt, disabled, ...columns }: Row, typedName: string): HashedUser {
  if (password_hash === undefined) throw new Error('the query has no column password_hash');
  // A database that ignores case knows one user by many spellings, and can tell its own.
  const username = columns.username === undefined ? typedName : readText(columns.username, 'username');
  const sub = columns.sub === undefined ? username : readText(columns.sub, 'sub');
  const entries = Object.entries(columns).map(([name, value]) => [name, toAttribute(value)]);
  const user = { sub, username, attributes: { ...Object.fromEntries(entries), sub, username } };
  return { user, password: readPassword(username, password_hash, password_salt), disabled: isDisabled(disabled) };
}

function readText(value: unknown, column: string): string {
  if (typeof value === 'string' && value !== '') return value;
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  throw new Error(`the column ${column} is neither text nor a number`);
}

function readPassword(username: string, hash: unknown, salt: unknown): StoredPassword | undefined {
  const password_hash = readHash(hash);
  if (password_hash === undefined) return undefined;
  const isAbsent = salt === undefined || salt === null;
  return { username, password_hash, password_salt: isAbsent ? undefined : readText(salt, 'password_salt') };
}

/** Where a hash should be, these mark a password that is locked, elsewhere (passwd(5), shadow(4)) or was never set (Django). */
const NO_PASSWORD = /^(\{CRYPT\})?(\*|\*LK\*.*|NP|x|!.*)?$/i;

/** Some databases keep hashes in binary columns, with NULs at the end if those have a fixed length. */
function readHash(value: unknown): string | undefined {
  if (value === null) return undefined;
  const hash = Buffer.isBuffer(value) ? value.toString('utf8').replace(/\0+$/, '') : value;
  if (typeof hash === 'string') return NO_PASSWORD.test(hash.trimEnd()) ? undefined : hash.trimEnd();
  throw new Error('the column password_hash is not text');
}

const FLAGS: ReadonlyMap<unknown, boolean> = new Map<unknown, boolean>([
  ...[false, 0, 'false', 'f', 'no', 'n', '0', '', null, undefined].map((value) => [value, false] as const),
  ...[true, 1, 'true', 't', 'yes', 'y', '1'].map((value) => [value, true] as const),
]);

/** MySQL's `bit(1)` comes as a byte. */
function isDisabled(value: unknown): boolean {
  const plain = Buffer.isBuffer(value) && value.length === 1 ? value[0] : value;
  const flag = FLAGS.get(typeof plain === 'string' ? plain.trim().toLowerCase() : plain);
  if (flag === undefined) throw new Error('the column disabled is neither true nor false');
  return flag;
}

/** What JSON can hold: binary values become base64. */
function toAttribute(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return value.toString('base64');
  return typeof value === 'bigint' ? String(value) : value;
}
