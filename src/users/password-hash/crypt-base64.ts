/** crypt(3)'s Base64: an alphabet of its own, and the lowest six bits first. */
export const CRYPT_ALPHABET = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** The bytes at these places, group by group; in each, the most significant byte first. */
export function encodeCrypt(bytes: Buffer, groups: readonly (readonly number[])[]): string {
  return groups.map((group) => encodeGroup(group.map((index) => bytes.readUInt8(index)))).join('');
}

/** One to three bytes in two to four characters. */
function encodeGroup(bytes: readonly number[]): string {
  const value = bytes.reduce((bits, byte) => (bits << 8) | byte, 0);
  return Array.from({ length: bytes.length + 1 }, (_, index) =>
    CRYPT_ALPHABET.charAt((value >> (6 * index)) & 0x3f),
  ).join('');
}
