import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { isPlausibleUsername } from '../../src/users/credentials.ts';
import type { UserStore } from '../../src/users/user-store.ts';

const ZOE = 'Zoë.Müller@example.com';

/** Whom a store under contract must know, by these passwords and nothing else. */
export const PEOPLE: ReadonlyMap<string, string> = new Map([
  ['johndoe', 'myComplexPsw!1'],
  [ZOE, 'naïve pässwörd – 東京'],
  ["o'hara", `' or '1'='1' -- "\\`],
  ['a*)(uid=*', '*'],
  ['DOMAIN\\legacy', ' spaces around '],
]);

const WRONG: readonly [sentence: string, password: string][] = [
  ['a wrong password', 'wrong'],
  ['an empty one', ''],
  ['another case', 'MYCOMPLEXPSW!1'],
  ['the beginning of the right one', 'myComplexPsw!'],
  ['the right one and a space', 'myComplexPsw!1 '],
  ['the right one and a NUL', 'myComplexPsw!1\0'],
  ['the right one behind a NUL', '\0myComplexPsw!1'],
  ['another user’s', 'naïve pässwörd – 東京'],
  ['an overlong one', 'x'.repeat(5000)],
  ['an overlong one that begins like the right one', 'myComplexPsw!1'.padEnd(100_000, 'x')],
  ['a quote', "'"],
  ['SQL', "' OR '1'='1"],
  ['an LDAP filter', '*)(uid=*'],
  ['a wildcard', '*'],
];

const UNKNOWN: readonly [sentence: string, username: string, known?: string][] = [
  ['an empty name', ''],
  ['another case', 'JohnDoe'],
  ['the beginning of a name', 'johndo'],
  ['a name and a space', 'johndoe '],
  ['a space and a name', ' johndoe'],
  ['a name and a NUL', 'johndoe\0'],
  ['a name and a line end', 'johndoe\n'],
  ['a name and a comment', "johndoe'--"],
  ['a name in another Unicode form', ZOE.normalize('NFD'), ZOE],
  ['SQL', "' OR '1'='1' --"],
  ['an LDAP filter', 'johndoe)(uid=*'],
  ['a wildcard', '*'],
  ['a path', '../johndoe'],
  ['a property that every object has', 'constructor'],
  ['a prototype', '__proto__'],
  ['an overlong name', 'johndoe'.repeat(10_000)],
];

/** How a kind of store differs where it may. */
interface Kind {
  /** Sentences of UNKNOWN whose name it takes for another spelling of a name that it knows, as many servers do. */
  readonly folds?: readonly string[];
  /** It cannot tell an unknown user from a wrong password, and rejects whom it asks about. */
  readonly isBlind?: boolean | ((username: string) => boolean);
  /** Why the server that it needs is not there. */
  readonly skip?: string | undefined;
}

/**
 * What every kind of user store has to do.
 *
 * @param open makes a store that knows PEOPLE. It is opened once, and closed at the end.
 */
export function userStoreContract(
  kind: string,
  open: () => Promise<UserStore>,
  { folds = [], isBlind = false, skip }: Kind = {},
): void {
  const isBlindFor = (username: string) => (typeof isBlind === 'function' ? isBlind(username) : isBlind);
  const verdictOnUnknown = (username: string) => ({
    outcome: isPlausibleUsername(username) && isBlindFor(username) ? 'rejected' : 'unknown',
  });
  describe(`the user store contract, by ${kind}`, { skip: skip ?? false }, () => {
    let store: UserStore;
    before(async () => {
      store = await open();
    });
    after(() => store.close());

    for (const [username, password] of PEOPLE) {
      test(`accepts ${username}, and looks up the same user`, async () => {
        const verdict = await store.verify(username, password);
        assert.equal(verdict.outcome, 'accepted');
        const { user } = verdict;
        assert.equal(user.username, username);
        assert.notEqual(user.sub, '');
        assert.equal(user.attributes.sub, user.sub);
        assert.equal(user.attributes.username, username);
        assert.equal('password_hash' in user.attributes, false);
        if (store.lookup) assert.deepEqual(await store.lookup(username), user);
      });
    }

    for (const [sentence, password] of WRONG) {
      test(`rejects a known user with ${sentence}`, async () => {
        assert.deepEqual(await store.verify('johndoe', password), { outcome: 'rejected' });
      });
    }

    for (const [sentence, username, known = 'johndoe'] of UNKNOWN) {
      if (folds.includes(sentence)) {
        test(`knows ${sentence} as the same user`, async () => {
          const verdict = await store.verify(username, PEOPLE.get(known) ?? '');
          assert.equal(verdict.outcome, 'accepted');
          assert.equal(verdict.user.sub, (await store.lookup?.(known))?.sub);
        });
        continue;
      }
      test(`does not know ${sentence}`, async () => {
        assert.deepEqual(await store.verify(username, 'myComplexPsw!1'), verdictOnUnknown(username));
        assert.equal(await store.lookup?.(username), undefined);
        assert.equal(await store.decoy(username, 'myComplexPsw!1'), undefined);
      });
    }

    test('does not know a thousand random names', async () => {
      for (let count = 0; count < 1000; count += 1) {
        const username = randomBytes(1 + (count % 32)).toString(count % 2 === 0 ? 'latin1' : 'base64');
        assert.deepEqual(await store.verify(username, 'myComplexPsw!1'), verdictOnUnknown(username), username);
      }
    });
  });
}
