/** A command was called wrongly, in a way that only it can see. */
export class BadUsage extends Error {
  override readonly name = 'BadUsage';
}
