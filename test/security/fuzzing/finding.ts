/** What was found, with all that it takes to see it again. */
export class Finding extends Error {
  override readonly name = 'Finding';
  readonly kind: 'request' | 'configuration';
  readonly index: number;
  /** Latin-1 for requests. */
  readonly bytes: string;

  constructor(kind: Finding['kind'], index: number, bytes: string, cause: unknown) {
    super(`${kind} ${index}: ${cause instanceof Error ? cause.message : cause}`, { cause });
    this.kind = kind;
    this.index = index;
    this.bytes = bytes;
  }
}
