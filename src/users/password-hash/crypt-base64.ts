/** crypt(3)'s Base64: an alphabet of its own, and the lowest six bits first. */
export const CRYPT_ALPHABET = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** The bytes at these places, group by group; in each, the most significant byte first. */
export function encodeCrypt(bytes: Buffer, groups: readonly (readonly number[])[]): string {
  return groups.map((group) => encodeGroup(group.map((index) => bytes.readUInt8(index)))).join('');
}

/** All bytes in their own order, a group of three (or what is left) in four characters; the last is the most significant. */
export function encodeInOrder(bytes: Buffer): string {
  const groups = Array.from({ length: Math.ceil(bytes.length / 3) }, (_, index) =>
    [3 * index + 2, 3 * index + 1, 3 * index].filter((place) => place < bytes.length),
  );
  return encodeCrypt(bytes, groups);
}

/** One to three bytes in two to four characters. */
function encodeGroup(bytes: readonly number[]): string {
  const value = bytes.reduce((bits, byte) => (bits << 8) | byte, 0);
  return Array.from({ length: bytes.length + 1 }, (_, index) =>
    CRYPT_ALPHABET.charAt((value >> (6 * index)) & 0x3f),
  ).join('');
}
