const MAX_USERNAME_CHARACTERS = 256;
export const MAX_PASSWORD_BYTES = 4096;

/** 1 to 256 characters, none of them a control character or half of a surrogate pair. */
export function isPlausibleUsername(username: string): boolean {
  return username !== '' && username.length <= MAX_USERNAME_CHARACTERS && !/[\p{Cc}\p{Cs}]/u.test(username);
}

/** 1 to 4096 bytes in UTF-8, none of them NUL, at which many implementations stop reading. */
export function isPlausiblePassword(password: string): boolean {
  return password !== '' && Buffer.byteLength(password) <= MAX_PASSWORD_BYTES && !password.includes('\0');
}
