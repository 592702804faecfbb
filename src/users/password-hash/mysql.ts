import { createHash } from 'node:crypto';
import { recomputedScheme } from './scheme.ts';

/** PASSWORD() of MySQL 4.1 and MariaDB: SHA-1 twice. */
export const mysql = recomputedScheme('mysql', /^\*[0-9a-f]{40}$/i, (stored) => ({
  expected: Buffer.from(stored.slice(1), 'hex'),
  compute: (password) => sha1(sha1(password)),
}));

/** PASSWORD() before 4.1, now OLD_PASSWORD(): 62 bits, without a salt. */
export const mysqlOld = recomputedScheme('mysql-old', /^[0-9a-f]{16}$/i, (stored) => ({
  expected: Buffer.from(stored, 'hex'),
  compute: oldPassword,
}));

/** As hash_password() of MySQL's password.c, which skips blanks and tabs. All its numbers have 32 bits. */
function oldPassword(password: Buffer): Buffer {
  let [first, second, sum] = [1_345_345_333, 305_419_889, 7];
  for (const byte of password.filter((character) => character !== 0x20 && character !== 0x09)) {
    first ^= Math.imul((first & 63) + sum, byte) + (first << 8);
    second += (second << 8) ^ first;
    sum += byte;
  }
  const result = Buffer.alloc(8);
  result.writeUInt32BE(first & 0x7fffffff);
  result.writeUInt32BE(second & 0x7fffffff, 4);
  return result;
}

function sha1(bytes: Buffer): Buffer {
  return createHash('sha1').update(bytes).digest();
}
