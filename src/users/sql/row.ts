import type { User } from '../user-store.ts';

/** A row as the drivers give it, by the names of its columns. */
export type Row = Readonly<Record<string, unknown>>;

export interface SqlUser {
  readonly user: User;
  /** Undefined for a user who has none, and cannot log in. */
  readonly passwordHash: string | undefined;
  readonly disabled: boolean;
}

/** @throws Error when the row is not that of a user; its message holds no value of it. */
export function readRow({ password_hash, disabled, ...columns }: Row, typedName: string): SqlUser {
  if (password_hash === undefined) throw new Error('the query has no column password_hash');
  // A database that ignores case knows one user by many spellings, and can tell its own.
  const username = columns.username === undefined ? typedName : readText(columns.username, 'username');
  const sub = columns.sub === undefined ? username : readText(columns.sub, 'sub');
  const entries = Object.entries(columns).map(([name, value]) => [name, toAttribute(value)]);
  const user = { sub, username, attributes: { ...Object.fromEntries(entries), sub, username } };
  return { user, passwordHash: readHash(password_hash), disabled: isDisabled(disabled) };
}

function readText(value: unknown, column: string): string {
  if (typeof value === 'string' && value !== '') return value;
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  throw new Error(`the column ${column} is neither text nor a number`);
}

/** Some databases keep hashes in binary columns, with NULs at the end if those have a fixed length. */
function readHash(value: unknown): string | undefined {
  if (value === null) return undefined;
  const hash = Buffer.isBuffer(value) ? value.toString('utf8').replace(/\0+$/, '') : value;
  if (typeof hash === 'string') return hash.trimEnd() || undefined;
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
