/** What gateway.yaml names (users, keys) cannot be used, though the file itself has no mistake. */
export class BadConfiguration extends Error {
  constructor(cause: Error) {
    super(cause.message, { cause: cause.cause });
    this.name = 'BadConfiguration';
  }
}
