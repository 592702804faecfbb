import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { Attribute, Change, Client } from 'ldapts';
import { parse } from 'yaml';
import { ldapUsers } from '../../src/config/user-store-sections.ts';
import { LdapUserStore } from '../../src/users/ldap/ldap.ts';
import { ADMINISTRATOR, DOMAIN_DN, startSamba } from '../support/samba.ts';
import { provide } from '../support/server-process.ts';

const provided = await provide(startSamba);
const domain = 'server' in provided ? provided.server : undefined;
after(() => domain?.stop());

const PASSWORD = 'naïve "pässwörd"';
/** Flags of userAccountControl. */
const [NORMAL, DISABLED] = [0x200, 0x2];
/** How they differ from a user who may log in. */
const USERS: Readonly<Record<string, Record<string, string | Buffer>>> = {
  postern: {},
  ann: { mail: 'ann@example.com' },
  "o'hara (sales)": {},
  disabled: { userAccountControl: String(NORMAL | DISABLED) },
  expired: { accountExpires: '132000000000000000' },
  new: { pwdLastSet: '0' },
  'by day': { logonHours: Buffer.alloc(21) },
  locked: {},
  old: {},
};

const dnOf = (name: string) => `CN=${name},CN=Users,${DOMAIN_DN}`;
const url = `ldap://127.0.0.1:${domain?.port}`;

async function asAdministrator(work: (client: Client) => Promise<void>): Promise<void> {
  const client = new Client({ url });
  await client.bind(ADMINISTRATOR.dn, ADMINISTRATOR.password);
  await work(client);
  await client.unbind();
}

function set(client: Client, dn: string, values: Readonly<Record<string, string>>): Promise<void> {
  const changes = Object.entries(values).map(
    ([type, value]) => new Change({ operation: 'replace', modification: new Attribute({ type, values: [value] }) }),
  );
  return client.modify(dn, changes);
}

function attribute([type, value]: [string, string | Buffer]): Attribute {
  return new Attribute({ type, values: [typeof value === 'string' ? Buffer.from(value) : value] });
}

async function addUsers(client: Client): Promise<void> {
  // Passwords need no kinds of characters.
  await set(client, DOMAIN_DN, { pwdProperties: '0', lockoutThreshold: '3' });
  for (const [name, attributes] of Object.entries(USERS)) {
    const entry = {
      objectClass: 'user',
      sAMAccountName: name,
      userAccountControl: String(NORMAL),
      unicodePwd: Buffer.from(`"${PASSWORD}"`, 'utf16le'),
      ...attributes,
    };
    await client.add(dnOf(name), Object.entries(entry).map(attribute));
  }
  await client.add(dnOf('agents'), { objectClass: 'group', sAMAccountName: 'agents', member: dnOf('ann') });
}

/** The configuration of docs/users.md, with this domain in it. */
function open(): LdapUserStore {
  const [, block = ''] = /Active Directory:\n\n```yaml\n([^`]+)```/.exec(readFileSync('docs/users.md', 'utf8')) ?? [];
  const there = { url, bind_dn: dnOf('postern'), bind_password: PASSWORD, base_dn: DOMAIN_DN, timeout: '10s' };
  return new LdapUserStore(ldapUsers.parse({ ...parse(block).users.domain, ...there }), undefined, () => {});
}

describe('Active Directory, as Samba has it', { skip: provided.skip ?? false }, () => {
  let store: LdapUserStore;
  before(async () => {
    await asAdministrator(addUsers);
    domain?.agePassword(dnOf('old'));
    store = open();
    for (let failures = 0; failures < 3; failures += 1) await store.verify('locked', 'wrong');
  });
  after(() => store?.close());

  test('accepts the right password, and reads attributes and groups', async () => {
    const attributes = { sub: 'ann', username: 'Ann', email: 'ann@example.com', groups: [dnOf('agents')] };
    const user = { sub: 'ann', username: 'Ann', attributes };
    assert.deepEqual(await store.verify('Ann', PASSWORD), { outcome: 'accepted', user });
    assert.deepEqual(await store.lookup('Ann'), user);
    assert.equal((await store.verify("o'hara (sales)", PASSWORD)).outcome, 'accepted');
  });

  const REFUSED: readonly [username: string, password: string, verdict: object][] = [
    ['ann', 'wrong', { outcome: 'rejected' }],
    ['ann', '', { outcome: 'rejected' }],
    ['ann', PASSWORD.normalize('NFD'), { outcome: 'rejected' }],
    ['nobody', PASSWORD, { outcome: 'unknown' }],
    ['a*', PASSWORD, { outcome: 'unknown' }],
    ['disabled', PASSWORD, { outcome: 'rejected', reason: 'disabled' }],
    ['expired', PASSWORD, { outcome: 'rejected', reason: 'account_expired' }],
    ['new', PASSWORD, { outcome: 'rejected', reason: 'must_change_password' }],
    ['by day', PASSWORD, { outcome: 'rejected', reason: 'restricted' }],
    ['locked', PASSWORD, { outcome: 'rejected', reason: 'locked' }],
    ['old', PASSWORD, { outcome: 'rejected', reason: 'password_expired' }],
    // Who does not know the password is not told of the account.
    ['disabled', 'wrong', { outcome: 'rejected' }],
  ];
  for (const [username, password, verdict] of REFUSED) {
    test(`${username} with ${JSON.stringify(password)}: ${Object.values(verdict).join(', ')}`, async () => {
      const { outcome, reason } = { reason: undefined, ...(await store.verify(username, password)) };
      assert.deepEqual({ outcome, ...(reason && { reason }) }, verdict);
    });
  }

  test('a user who is switched off is not found at a refresh', async () => {
    assert.equal((await store.lookup("o'hara (sales)"))?.sub, "o'hara (sales)");
    await asAdministrator((client) =>
      set(client, dnOf("o'hara (sales)"), { userAccountControl: String(NORMAL | DISABLED) }),
    );
    assert.equal(await store.lookup("o'hara (sales)"), undefined);
    assert.equal(await store.lookup('disabled'), undefined);
  });
});
