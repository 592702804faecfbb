/** One element of DER (X.690 §8.1): its tag, and the bytes that it holds. */
export interface Element {
  readonly tag: number;
  readonly content: Buffer;
}

export const TAG = { octetString: 0x04, oid: 0x06, sequence: 0x30, set: 0x31 } as const;

/**
 * The elements that stand one after the other in `der`. Strict: lengths are definite and as short as can be, tags are one
 * byte, and nothing is left over.
 *
 * @throws RangeError
 */
export function readElements(der: Buffer): readonly Element[] {
  const elements: Element[] = [];
  for (let offset = 0; offset < der.length; ) {
    const tag = der.readUInt8(offset);
    if ((tag & 0x1f) === 0x1f) throw new RangeError('a tag of more than one byte');
    const { start, end } = contentAt(der, offset + 1);
    elements.push({ tag, content: der.subarray(start, end) });
    offset = end;
  }
  return elements;
}

/** The elements inside of one that has to have this tag. @throws RangeError */
export function readInside(element: Element | undefined, tag: number): readonly Element[] {
  return readElements(contentOf(element, tag));
}

/** @throws RangeError when it is missing, or another element. */
export function contentOf(element: Element | undefined, tag: number): Buffer {
  if (element?.tag !== tag) throw new RangeError('another element than expected');
  return element.content;
}

/** Dotted decimal, from X.690 §8.19: seven bits a byte, the first two numbers in one. */
export function readOid(content: Buffer): string {
  const numbers: number[] = [];
  let number = 0;
  for (const byte of content) {
    number = number * 128 + (byte & 0x7f);
    if (byte & 0x80) continue;
    numbers.push(number);
    number = 0;
  }
  const [joined = 0, ...rest] = numbers;
  const first = Math.min(2, Math.floor(joined / 40));
  return [first, joined - first * 40, ...rest].join('.');
}

function contentAt(der: Buffer, offset: number): { start: number; end: number } {
  const first = der.readUInt8(offset);
  const width = first & 0x80 ? first & 0x7f : 0;
  if (first === 0x80 || width > 4) throw new RangeError('a length that is not definite, or too long');
  const length = width === 0 ? first : der.readUIntBE(offset + 1, width);
  if (width > 0 && length < (width === 1 ? 0x80 : 256 ** (width - 1))) throw new RangeError('a length with zeros');
  const start = offset + 1 + width;
  if (start + length > der.length) throw new RangeError('an element that is cut off');
  return { start, end: start + length };
}
