import { section } from './section.ts';
import { count, countOrAuto, positiveDuration, wait } from './values.ts';

/** So many failures in a time, of what `failuresOf` says; both keys are one sentence. */
function windowLimit(failures: number, per: string, failuresOf: string) {
  return section({
    failures: count(1).prefault(failures).describe(failuresOf),
    per: positiveDuration.prefault(per).describe(failuresOf),
  })
    .prefault({})
    .describe(failuresOf);
}

const user_and_address = section({
  failures: count(1)
    .prefault(5)
    .describe('After so many failures of one user from one address, both together are locked.'),
  lock: positiveDuration
    .prefault('1m')
    .describe('For how long, the first time. Each further lock is twice as long as the one before.'),
  max_lock: positiveDuration.prefault('15m').describe('The longest lock.'),
  forget_after: positiveDuration.prefault('12h').describe('So long after the last failure, all is forgotten.'),
});

export const login_limits = section({
  user_and_address: user_and_address.prefault({}).describe('Failures of one user from one address.'),
  user: windowLimit(50, '1h', 'Failures of one user, from all addresses, and the time in which they are counted.'),
  address: windowLimit(100, '10m', 'Failures from one address, of all users and clients.'),
  client: windowLimit(1000, '10m', 'Failures with one client.'),
  min_failure_time: wait
    .prefault('500ms')
    .describe('The least that the answer to a wrong username or password takes, also while the user is locked.'),
  concurrent_checks: countOrAuto(1024)
    .prefault('auto')
    .describe(
      'Password checks at once, each on a thread of its own; 1 to 1024. `auto` is one for each core, and at most 4.',
    ),
  queue: count(0, 1_000_000).prefault(64).describe('Checks that wait for a thread; 0 to 1000000.'),
}).describe(
  'Failed logins are counted in the store. What is counted is known before the password is checked: of many logins at once, no more are checked than may still fail.',
);
