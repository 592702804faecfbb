import { createHash } from 'node:crypto';

/**
 * What a username is called in the names of keys: one name for all spellings that user stores may take for the same
 * user. Hashed, since what is typed there may be a password.
 */
export function usernameHash(username: string): string {
  return createHash('sha256').update(username.normalize('NFC').toLowerCase()).digest('base64url');
}
