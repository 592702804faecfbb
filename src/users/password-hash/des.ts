/**
 * DES (FIPS 46-3) as crypt(3) changes it: the salt may swap bits of E, for which no library has a place. The tables are the
 * standard's, with bits counted from 1, the most significant.
 */

const PC1 = [
  ...[57, 49, 41, 33, 25, 17, 9, 1, 58, 50, 42, 34, 26, 18, 10, 2, 59, 51, 43, 35, 27, 19, 11, 3, 60, 52, 44, 36],
  ...[63, 55, 47, 39, 31, 23, 15, 7, 62, 54, 46, 38, 30, 22, 14, 6, 61, 53, 45, 37, 29, 21, 13, 5, 28, 20, 12, 4],
];
const PC2 = [
  ...[14, 17, 11, 24, 1, 5, 3, 28, 15, 6, 21, 10, 23, 19, 12, 4, 26, 8, 16, 7, 27, 20, 13, 2],
  ...[41, 52, 31, 37, 47, 55, 30, 40, 51, 45, 33, 48, 44, 49, 39, 56, 34, 53, 46, 42, 50, 36, 29, 32],
];
/** By how much both halves of the key are turned before each round. */
const SHIFTS = [1, 1, 2, 2, 2, 2, 2, 2, 1, 2, 2, 2, 2, 2, 2, 1];
const P = [
  ...[16, 7, 20, 21, 29, 12, 28, 17, 1, 15, 23, 26, 5, 18, 31, 10],
  ...[2, 8, 24, 14, 32, 27, 3, 9, 19, 13, 30, 6, 22, 11, 4, 25],
];
/** The inverse of the initial permutation. */
const FP = [40, 8, 48, 16, 56, 24, 64, 32].flatMap((_, row, columns) => columns.map((bit) => bit - row));
/** S1 to S8, a digit an entry, row behind row. */
const S = [
  'e4d12fb83a6c59070f74e2d1a6cb953841e8d62bfc973a50fc8249175b3ea06d',
  'f18e6b34972dc05a3d47f28ec01a69b50e7ba4d158c6932fd8a13f42b67c05e9',
  'a09e63f51dc7b428d709346a285ecbf1d6498f30b12c5ae71ad069874fe3b52c',
  '7de3069a1285bc4fd8b56f03472c1ae9a690cb7df13e52843f06a1d8945bc72e',
  '2c417ab6853fd0e9eb2c47d150fa3986421bad78f9c5630eb8c71e2d6f09a453',
  'c1af92680d34e75baf427c9561de0b389ef528c3704a1db6432c95fabe17608d',
  '4b2ef08d3c975a61d0b7491ae35c2f8614bdc37eaf6805926bd814a7950fe23c',
  'd2846fb1a93e50c71fd8a374c56b0e927b419ce206adf35821e74a8dfc90356b',
];

/** The bit that P makes of each bit of the S-boxes' output. */
const PLACES = S.flatMap((_, box) => [1, 2, 3, 4].map((bit) => 1 << (31 - P.indexOf(4 * box + bit))));
/** What P makes of each S-box's output: at 64 * box + input. */
const SP = Int32Array.from({ length: 8 * 64 }, (_, index) => {
  const [box, input] = [index >> 6, index & 63];
  const row = ((input >> 4) & 2) | (input & 1);
  const output = Number.parseInt((S[box] ?? '').charAt(16 * row + ((input >> 1) & 15)), 16);
  return [0, 1, 2, 3].reduce((bits, bit) => bits | (output & (8 >> bit) ? (PLACES[4 * box + bit] ?? 0) : 0), 0);
});

/** The round keys of eight bytes, the lowest bit of each unused: 16 times eight groups of six bits. */
export function desKeys(key: Buffer): Uint8Array {
  const halves = permute(unpack(key), PC1);
  const keys = new Uint8Array(16 * 8);
  let turned = 0;
  for (const [round, shift] of SHIFTS.entries()) {
    turned += shift;
    const bits = halves.map(
      (_, place) => halves[place < 28 ? (place + turned) % 28 : 28 + ((place + turned) % 28)] ?? 0,
    );
    for (let group = 0; group < 8; group += 1) {
      keys[8 * round + group] = pack(permute(bits, PC2.slice(6 * group, 6 * group + 6)));
    }
  }
  return keys;
}

/**
 * A block of zeros, encrypted so many times. The permutations at both ends of DES undo each other between two of them,
 * and the first does nothing to zeros, so only the last is left.
 *
 * @param swaps which bits of E's first four groups of six change places with those of its last four
 */
export function desRounds(keys: Uint8Array, iterations: number, swaps: readonly number[]): Buffer {
  let [left, right] = [0, 0];
  for (let iteration = 0; iteration < iterations; iteration += 1) {
    for (let round = 0; round < 16; round += 1) {
      [left, right] = [right, left ^ scramble(right, keys, 8 * round, swaps)];
    }
    [left, right] = [right, left];
  }
  const block = Buffer.alloc(8);
  block.writeInt32BE(left);
  block.writeInt32BE(right, 4);
  const bits = permute(unpack(block), FP);
  block.writeInt32BE(pack(bits.slice(0, 32)));
  block.writeInt32BE(pack(bits.slice(32)), 4);
  return block;
}

/** The standard's f(R, K), with the salt's swaps between E and the key. */
function scramble(right: number, keys: Uint8Array, place: number, swaps: readonly number[]): number {
  let result = 0;
  for (const [box, swap] of swaps.entries()) {
    const [early, late] = [group(right, box), group(right, box + 4)];
    const swapped = (early ^ late) & swap;
    result |= substitute(box, early ^ swapped ^ (keys[place + box] ?? 0));
    result |= substitute(box + 4, late ^ swapped ^ (keys[place + box + 4] ?? 0));
  }
  return result;
}

/** E's group of six bits: four of R and a neighbour at each end, in a circle. */
function group(right: number, index: number): number {
  const turn = 4 * index + 5;
  return ((right << turn) | (right >>> (32 - turn))) & 63;
}

function substitute(box: number, input: number): number {
  return SP[64 * box + input] ?? 0;
}

function permute(bits: readonly number[], table: readonly number[]): number[] {
  return table.map((bit) => bits[bit - 1] ?? 0);
}

function unpack(bytes: Buffer): number[] {
  return Array.from(bytes).flatMap((byte) => [7, 6, 5, 4, 3, 2, 1, 0].map((bit) => (byte >> bit) & 1));
}

/** At most 32 bits as a number. */
function pack(bits: readonly number[]): number {
  return bits.reduce((number, bit) => (number << 1) | bit, 0);
}
