import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { Attribute, Change, Client } from 'ldapts';
import type { LdapUsersConfig } from '../../src/config/schema.ts';
import { GatewayError } from '../../src/errors.ts';
import { LdapUserStore } from '../../src/users/ldap/ldap.ts';
import { activeDirectoryReason } from '../../src/users/ldap/rejection.ts';
import { LdapServers } from '../../src/users/ldap/servers.ts';
import { startFaultyServer } from '../support/faults.ts';
import { login, requestToken, startGateway } from '../support/gateway.ts';
import { freePort, provide } from '../support/server-process.ts';
import { ADMIN_DN, ADMIN_PASSWORD, BASE_DN, startSlapd } from '../support/slapd.ts';
import { PEOPLE, userStoreContract } from './user-store.contract.ts';
import { TIMEOUT_MS, userStoreOutages } from './user-store.outages.ts';

const PEOPLE_DN = `ou=people,${BASE_DN}`;
const SERVICE = { bind_dn: `cn=postern,${BASE_DN}`, bind_password: 'service password' };
const PASSWORD = 'correct horse';

/** What ann is a member of. slapadd does not run the memberOf overlay, so her entry says it too. */
const GROUPS = ['agents', 'staff'].map((cn) => `cn=${cn},ou=groups,${BASE_DN}`);

/** Attributes of an entry; all values are written in base64, which keeps each octet. */
type LdifEntry = Readonly<Record<string, string | readonly string[]>>;

function person(uid: string, userPassword: string, more: LdifEntry = {}): [string, LdifEntry] {
  const dn = `uid=${uid.replaceAll(/[^A-Za-z0-9]/gu, (odd) => Buffer.from(odd).toString('hex').replaceAll(/../g, '\\$&'))},${PEOPLE_DN}`;
  return [dn, { objectClass: ['inetOrgPerson', 'extensibleObject'], uid, cn: uid, sn: uid, userPassword, ...more }];
}

const ENTRIES: readonly [dn: string, entry: LdifEntry][] = [
  [BASE_DN, { objectClass: ['dcObject', 'organization'], o: 'Example' }],
  [PEOPLE_DN, { objectClass: 'organizationalUnit' }],
  [`ou=groups,${BASE_DN}`, { objectClass: 'organizationalUnit' }],
  [
    SERVICE.bind_dn,
    { objectClass: ['applicationProcess', 'simpleSecurityObject'], userPassword: SERVICE.bind_password },
  ],
  [
    `cn=policy,${BASE_DN}`,
    {
      objectClass: ['applicationProcess', 'pwdPolicy'],
      pwdAttribute: 'userPassword',
      pwdLockout: 'TRUE',
      // The contract suite gives johndoe many wrong passwords.
      pwdMaxFailure: '1000',
      pwdMustChange: 'TRUE',
      pwdMaxAge: '86400',
    },
  ],
  ...Array.from(PEOPLE, ([uid, password]) => person(uid, password)),
  person('ann', PASSWORD, { mail: ['ann@example.com', 'ann@example.org'], title: 'Agent', memberOf: GROUPS }),
  person('locked', PASSWORD, { pwdAccountLockedTime: '000001010000Z' }),
  person('reset', PASSWORD, { pwdReset: 'TRUE' }),
  person('expired', PASSWORD, { pwdChangedTime: '20200101000000Z' }),
  person('disabled', PASSWORD, { userAccountControl: '514' }),
  person('enabled', PASSWORD, { userAccountControl: '512' }),
  person('twin1', PASSWORD, { employeeNumber: '7' }),
  person('twin2', PASSWORD, { employeeNumber: '7' }),
  [`uid=keyless,${PEOPLE_DN}`, { objectClass: 'inetOrgPerson', cn: 'keyless', sn: 'keyless' }],
  ...GROUPS.map((dn): [string, LdifEntry] => [dn, { objectClass: 'groupOfNames', member: [`uid=ann,${PEOPLE_DN}`] }]),
];

function toLdif([dn, entry]: readonly [string, LdifEntry]): string {
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  const lines = Object.entries(entry).flatMap(([name, values]) =>
    [values].flat().map((value) => `${name}:: ${base64(value)}`),
  );
  return [`dn:: ${base64(dn)}`, ...lines].join('\n');
}

const provided = await provide(() => startSlapd(`${ENTRIES.map(toLdif).join('\n\n')}\n`));
const skip = provided.skip ?? false;
const directory = () => {
  if (provided.skip !== undefined) throw new Error(provided.skip);
  return provided.server;
};
after(() => (skip ? undefined : directory().stop()));

const FILTER = '(&(objectClass=person)(uid={username}))';
const SEARCH = { ...SERVICE, base_dn: PEOPLE_DN, filter: FILTER };
const TEMPLATE = { user_dn: `uid={username},${PEOPLE_DN}` };

const passedOver: string[] = [];

function open(changes: Partial<LdapUsersConfig> = SEARCH, ca?: string): LdapUserStore {
  const bounds = { timeout: 5000, concurrency: 4, optional: false, continue_on_reject: false };
  const attributes = { sub: 'uid' };
  const url = [`ldap://127.0.0.1:${directory().port}`];
  const config = { type: 'ldap' as const, url, start_tls: false, attributes, ...bounds, ...changes };
  return new LdapUserStore(config, ca, (server) => passedOver.push(server));
}

const FOLDS = ['another case', 'a name and a space', 'a space and a name', 'a name in another Unicode form'];

userStoreContract('LDAP, search then bind', async () => open(), { folds: FOLDS, skip: provided.skip });
userStoreContract('LDAP, by DN template', async () => open({ ...SERVICE, ...TEMPLATE }), {
  folds: FOLDS,
  skip: provided.skip,
});
userStoreOutages(
  'LDAP',
  () => directory().port,
  async (port) => open({ ...SEARCH, url: [`ldap://127.0.0.1:${port}`], timeout: TIMEOUT_MS }),
  skip,
);

async function outcome(store: LdapUserStore, username: string, password = PASSWORD): Promise<unknown> {
  try {
    const verdict = await store.verify(username, password);
    if (verdict.outcome === 'accepted') return verdict.user.attributes;
    return verdict.outcome === 'rejected' && verdict.reason ? `rejected: ${verdict.reason}` : verdict.outcome;
  } catch (error) {
    assert.ok(error instanceof GatewayError, String(error));
    return 'outage';
  }
}

describe('what a directory can be asked is tried without a login', { skip }, () => {
  const GROUPS_BASE = { base_dn: 'ou=nowhere,dc=example,dc=com', filter: '(member={dn})', attribute: 'cn' };
  const PROBES: readonly [sentence: string, changes: () => Partial<LdapUsersConfig>, found: readonly string[]][] = [
    ['a search', () => SEARCH, []],
    ['a template, without a service account', () => TEMPLATE, []],
    ['StartTLS with an authority', () => ({ ...SEARCH, start_tls: true }), []],
    ['another password', () => ({ ...SEARCH, bind_password: 'x' }), ['bind_dn users-bind']],
    ['a base that is not there', () => ({ ...SEARCH, base_dn: 'ou=x,dc=example,dc=com' }), ['base_dn users-base-dn']],
    ['groups that are not there', () => ({ ...SEARCH, groups: GROUPS_BASE }), ['groups.base_dn users-base-dn']],
    [
      'the second server of two',
      () => ({ ...SEARCH, url: [`ldap://127.0.0.1:${directory().port}`, 'ldap://127.0.0.1:1'] }),
      ['url.1 users-unreachable'],
    ],
    [
      'a name that the certificate is not for',
      () => ({ ...SEARCH, url: [`ldaps://127.0.0.2:${directory().securePort}`] }),
      ['url.0 users-unreachable'],
    ],
  ];
  for (const [sentence, changes, expected] of PROBES) {
    test(sentence, async () => {
      const store = open(changes(), readFileSync(directory().caFile, 'utf8'));
      const found = await store.probe();
      assert.deepEqual(
        found.map(({ at, code }) => `${at.join('.')} ${code}`),
        expected,
      );
    });
  }
});

describe('users of LDAP', { skip }, () => {
  const ann = { sub: 'ann', username: 'ann' };
  const LOGINS: readonly [sentence: string, changes: Partial<LdapUsersConfig>, username: string, expected: unknown][] =
    [
      [
        'attributes of one value are texts, of several lists, of none absent; their names know no case',
        { ...SEARCH, attributes: { sub: 'UID', emails: 'mail', title: 'TITLE', phone: 'telephoneNumber' } },
        'ann',
        { ...ann, emails: ['ann@example.com', 'ann@example.org'], title: 'Agent' },
      ],
      [
        'groups by memberOf are a list of names',
        { ...SEARCH, attributes: { sub: 'uid', groups: 'memberOf' } },
        'ann',
        { ...ann, groups: GROUPS },
      ],
      [
        'groups by memberOf are a list also where there are none',
        { ...SEARCH, attributes: { sub: 'uid', groups: 'memberOf' } },
        'enabled',
        { sub: 'enabled', username: 'enabled', groups: [] },
      ],
      [
        'groups by a search',
        { ...SEARCH, groups: { base_dn: `ou=groups,${BASE_DN}`, filter: '(member={dn})', attribute: 'cn' } },
        'ann',
        { ...ann, groups: ['agents', 'staff'] },
      ],
      [
        'a bind by DN template alone reads the own entry',
        { ...TEMPLATE, attributes: { sub: 'uid', title: 'title' } },
        'ann',
        { ...ann, title: 'Agent' },
      ],
      ['a bind by DN template alone cannot tell who is unknown', TEMPLATE, 'nobody', 'rejected'],
      ['a DN template escapes', TEMPLATE, 'ann,ou=people', 'rejected'],
      ['a bind by DN template alone, rejected', TEMPLATE, 'reset', 'rejected: must_change_password'],
      ['locked by an administrator', SEARCH, 'locked', 'rejected: locked'],
      ['a password that must be changed', SEARCH, 'reset', 'rejected: must_change_password'],
      ['a password that has expired', SEARCH, 'expired', 'rejected: password_expired'],
      ['an account that Active Directory would have disabled', SEARCH, 'disabled', 'rejected: disabled'],
      ['an account that it would not', SEARCH, 'enabled', { sub: 'enabled', username: 'enabled' }],
      ['an entry without a password', SEARCH, 'keyless', 'rejected'],
      ['a filter that finds two', { ...SEARCH, filter: '(employeeNumber={username})' }, '7', 'outage'],
      [
        'an entry without the attribute of the sub',
        { ...SEARCH, attributes: { sub: 'employeeNumber' } },
        'ann',
        'outage',
      ],
      ['an entry with two of them', { ...SEARCH, attributes: { sub: 'mail' } }, 'ann', 'outage'],
      ['a bind_password that is wrong', { ...SEARCH, bind_password: 'wrong' }, 'ann', 'outage'],
      ['a base_dn that does not exist', { ...SEARCH, base_dn: 'ou=nowhere,dc=example,dc=com' }, 'ann', 'outage'],
      ['a server that shows nobody anything', { ...SEARCH, bind_dn: undefined }, 'ann', 'outage'],
    ];
  for (const [sentence, changes, username, expected] of LOGINS) {
    test(`${sentence}: ${typeof expected === 'string' ? expected : 'accepted'}`, async () => {
      const store = open(changes);
      const found = (await outcome(store, username)) as { groups?: string[] };
      assert.deepEqual(Array.isArray(found.groups) ? { ...found, groups: found.groups.sort() } : found, expected);
    });
  }

  test('an account that is disabled is not looked up, one whose password has expired is', async () => {
    const store = open();
    for (const username of ['locked', 'disabled']) assert.equal(await store.lookup(username), undefined);
    assert.equal((await store.lookup('expired'))?.sub, 'expired');
  });

  test('a user with too many wrong passwords is locked, also for the right one', async () => {
    const store = open();
    await modify('cn=policy', 'pwdMaxFailure', '2');
    for (let tries = 0; tries < 2; tries += 1) assert.equal(await outcome(store, 'twin1', 'wrong'), 'rejected');
    assert.equal(await outcome(store, 'twin1'), 'rejected: locked');
    await modify('cn=policy', 'pwdMaxFailure', '1000');
  });

  test('an empty password reaches no server', async () => {
    const faulty = await startFaultyServer(directory().port);
    const store = open({ ...TEMPLATE, url: [`ldap://127.0.0.1:${faulty.port}`] });
    assert.equal(await outcome(store, 'ann', ''), 'rejected');
    assert.equal(faulty.connections, 0);
    await faulty.stop();
  });

  const TRANSPORTS: readonly [
    sentence: string,
    changes: (port: number, securePort: number) => object,
    trusted: boolean,
    accepted: boolean,
  ][] = [
    ['ldaps', (_, port) => ({ url: [`ldaps://127.0.0.1:${port}`] }), true, true],
    ['ldaps by name', (_, port) => ({ url: [`ldaps://localhost:${port}`] }), true, true],
    [
      'ldaps with a certificate that nobody vouches for',
      (_, port) => ({ url: [`ldaps://127.0.0.1:${port}`] }),
      false,
      false,
    ],
    ['ldaps with a certificate for another name', (_, port) => ({ url: [`ldaps://127.0.0.2:${port}`] }), true, false],
    ['StartTLS', (port) => ({ url: [`ldap://127.0.0.1:${port}`], start_tls: true }), true, true],
    [
      'StartTLS with a certificate that nobody vouches for',
      (port) => ({ url: [`ldap://127.0.0.1:${port}`], start_tls: true }),
      false,
      false,
    ],
    [
      'StartTLS with a certificate for another name',
      (port) => ({ url: [`ldap://127.0.0.2:${port}`], start_tls: true }),
      true,
      false,
    ],
  ];
  for (const [sentence, changes, trusted, accepted] of TRANSPORTS) {
    test(`${sentence}: ${accepted ? 'accepted' : 'an outage'}`, async () => {
      const { port, securePort, caFile } = directory();
      const store = open(
        { ...SEARCH, ...changes(port, securePort) },
        trusted ? readFileSync(caFile, 'utf8') : undefined,
      );
      assert.deepEqual(await outcome(store, 'ann'), accepted ? ann : 'outage');
    });
  }

  test('a connection that breaks is not made again: it would be as nobody, and without StartTLS', async () => {
    const { port, securePort, caFile } = directory();
    for (const [scheme, start_tls, realPort] of [
      ['ldap', true, port],
      ['ldaps', false, securePort],
    ] as const) {
      const server = await startFaultyServer(realPort);
      const config = { url: [`${scheme}://127.0.0.1:${server.port}`], start_tls };
      const servers = new LdapServers(config, readFileSync(caFile, 'utf8'), () => {});
      const time = { signal: new AbortController().signal, endMs: performance.now() + 500 };
      const asking = servers.use(time, async (client) => {
        await client.bind(SERVICE.bind_dn, SERVICE.bind_password);
        server.drop();
        await delay(50);
        await client.bind(`uid=ann,${PEOPLE_DN}`, PASSWORD);
      });
      await assert.rejects(asking);
      assert.equal(server.connections, 1, scheme);
      await server.stop();
    }
  });

  test('with several servers, those that are out are passed over, in time, and asked last for a while', async () => {
    const silent = await startFaultyServer(directory().port);
    silent.fault = 'silent';
    const urls = [silent.port, await freePort(), directory().port].map((port) => `ldap://127.0.0.1:${port}`);
    const store = open({ ...SEARCH, url: urls, timeout: 900 });
    passedOver.length = 0;
    assert.deepEqual(await outcome(store, 'ann'), ann);
    assert.equal(silent.connections, 1);
    assert.deepEqual(passedOver, urls.slice(0, 2));
    const startedAt = performance.now();
    assert.deepEqual(await outcome(store, 'ann'), ann);
    assert.equal(await outcome(store, 'ann', 'wrong'), 'rejected');
    assert.ok(performance.now() - startedAt < 250);
    assert.equal(silent.connections, 1);
    await silent.stop();
  });

  test('logs in with the reason of a refusal in log and metrics only, and refreshes with what the directory says now', async (context) => {
    const people = {
      type: 'ldap',
      url: `ldap://127.0.0.1:${directory().port}`,
      attributes: { sub: 'uid', cn: 'title' },
      ...SEARCH,
    };
    const gateway = await startGateway(context, { users: { staff: people } });
    const granted = await login(gateway);
    assert.equal(granted.status, 200);
    const [wrong, locked] = [await login(gateway, { password: 'wrong' }), await login(gateway, { username: 'locked' })];
    assert.deepEqual(locked.body, wrong.body);
    assert.equal(gateway.records.find(({ username }) => username === 'locked')?.reason, 'locked');
    const metrics = await (await fetch(`${gateway.adminUrl}/metrics`)).text();
    assert.match(metrics, /^postern_logins_refused_total\{store="staff",reason="locked"\} 1$/m);

    await modify(`uid=ann,ou=people`, 'title', 'Manager');
    const refreshed = await requestToken(gateway, {
      grant_type: 'refresh_token',
      refresh_token: granted.body.refresh_token ?? '',
    });
    const claims = JSON.parse(Buffer.from(refreshed.body.access_token?.split('.')[1] ?? '', 'base64url').toString());
    assert.equal(claims.customData.cn, 'Manager');
  });
});

async function modify(rdn: string, type: string, value: string): Promise<void> {
  const client = new Client({ url: `ldap://127.0.0.1:${directory().port}` });
  await client.bind(ADMIN_DN, ADMIN_PASSWORD);
  const modification = new Attribute({ type, values: [value] });
  await client.modify(`${rdn},${BASE_DN}`, new Change({ operation: 'replace', modification }));
  await client.unbind();
}

describe('why Active Directory refuses', () => {
  const message = (data: string) =>
    `80090308: LdapErr: DSID-0C090439, comment: AcceptSecurityContext error, data ${data}, v4563`;
  const REASONS: readonly [message: string, reason: string | undefined][] = [
    [message('52e'), undefined],
    [message('525'), undefined],
    [message('530'), 'restricted'],
    [message('532'), 'password_expired'],
    [message('533'), 'disabled'],
    [message('701'), 'account_expired'],
    [message('773'), 'must_change_password'],
    [message('775'), 'locked'],
    ['invalid credentials', undefined],
    ['no comment, data 533', undefined],
    ['', undefined],
  ];
  for (const [text, reason] of REASONS) {
    test(`${text || 'nothing'}: ${reason ?? 'the password'}`, () => assert.equal(activeDirectoryReason(text), reason));
  }
});
