import { createHmac } from 'node:crypto';
import { bcrypt } from './bcrypt.ts';
import type { PasswordHashScheme } from './scheme.ts';

const PREFIX = '$wp';

/** WordPress since 6.8: bcrypt of an HMAC of the password, whose 64 characters are all read. */
export const wordpress: PasswordHashScheme = {
  name: 'wordpress',

  recognises: (stored) => stored.startsWith(`${PREFIX}$2y$`),

  problem: (stored) => bcrypt.problem(stored.slice(PREFIX.length)),

  verify(password, stored) {
    const digest = createHmac('sha384', 'wp-sha384').update(password).digest('base64');
    return bcrypt.verify(digest, stored.slice(PREFIX.length));
  },
};
