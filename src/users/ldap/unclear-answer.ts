/** The directory works, but what it says about a user allows no verdict. Its other servers would say the same. */
export class UnclearAnswer extends Error {
  override readonly name = 'UnclearAnswer';
}
