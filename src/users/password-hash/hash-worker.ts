import { verifyHash } from './schemes.ts';

export interface HashCheck {
  readonly password: string;
  readonly hash: string;
}

/** What a thread of the `HashPool` runs. */
export default function check({ password, hash }: HashCheck): boolean {
  return verifyHash(password, hash);
}
