import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { makeAuthority, named, SAN, SERVER_AUTHENTICATION } from '../support/certificates.ts';
import { PASSWORD, requestToken, SECRET, startGateway } from '../support/gateway.ts';
import { startLoginApp } from '../support/login-app.ts';
import { tlsFiles } from '../support/tls.ts';

/**
 * User stores that are asked over TLS, of servers whose certificates no public authority has signed. Who trusts the wrong
 * one sends the passwords of all users to whoever is on the way.
 */

const [ours, others] = [makeAuthority(), makeAuthority()];
const elsewhere = ours.issue({
  subject: named('elsewhere'),
  alternatives: [[SAN.dns, 'elsewhere.example']],
  usages: [SERVER_AUTHENTICATION],
});
const directory = mkdtempSync(join(tmpdir(), 'postern-authorities-'));
after(() => rmSync(directory, { recursive: true }));
const file = (name: string, content: string) => {
  writeFileSync(join(directory, name), content);
  return join(directory, name);
};
const files = { ours: file('ours.pem', ours.root.cert), others: file('others.pem', others.root.cert) };

const people = new Map([['ann', PASSWORD]]);
const [app, appElsewhere] = await Promise.all([startLoginApp(people, ours.server), startLoginApp(people, elsewhere)]);
after(() => Promise.all([app.stop(), appElsewhere.stop()]));
const listen = (identity: typeof elsewhere) => ({ address: '127.0.0.1:0', tls: tlsFiles({ after }, identity) });
const [server, serverElsewhere] = await Promise.all(
  [ours.server, elsewhere].map((identity) => startGateway({ after }, { listen: listen(identity) })),
);

const legacyLogin = (url: string, tls: object) => {
  const json = { credentials: { login: '{username}', secret: '{password}' } };
  const signs = { accept: { json: { ok: true } }, reject: { json: { ok: false } } };
  return { type: 'legacy_login', url: `${url}/api/login`, json, ...signs, tls, timeout: '5s' };
};
const oauth = (url: string, tls: object) => {
  return { type: 'oauth', token_endpoint: `${url}/token`, client_id: 'web', client_secret: SECRET, tls, timeout: '5s' };
};

const [REJECTED, OUTAGE] = ['invalid_grant', 'temporarily_unavailable'];
const KINDS = {
  legacy_login: { store: legacyLogin, url: app.url, urlElsewhere: appElsewhere.url },
  oauth: { store: oauth, url: server?.url ?? '', urlElsewhere: serverElsewhere?.url ?? '' },
};
const CASES: readonly [name: string, sentence: string, authority: object, isElsewhere: boolean, trusted: boolean][] = [
  ['ours', 'the authority of its certificate', { ca_file: files.ours }, false, true],
  ['others', 'another authority of the same name', { ca_file: files.others }, false, false],
  ['public', 'those that Node trusts', {}, false, false],
  ['elsewhere', 'the right authority, but the certificate is another host’s', { ca_file: files.ours }, true, false],
];

const stores = Object.entries(KINDS).flatMap(([kind, { store, url, urlElsewhere }]) =>
  CASES.map(([name, , tls, isElsewhere]) => [`${kind}-${name}`, store(isElsewhere ? urlElsewhere : url, tls)] as const),
);
const gateway = await startGateway(
  { after },
  {
    users: Object.fromEntries(stores),
    clients: stores.map(([name]) => ({ id: name, auth: 'none', grants: ['password'], scopes: [], users: [name] })),
  },
);

for (const kind of Object.keys(KINDS)) {
  describe(`${kind} trusts`, () => {
    for (const [name, sentence, , , trusted] of CASES) {
      test(`${sentence}: ${trusted ? 'both verdicts' : 'an outage, and no password is sent'}`, async () => {
        const ask = async (password: string) => {
          const form = { grant_type: 'password', username: 'ann', password, client_id: `${kind}-${name}` };
          const { status, body } = await requestToken(gateway, form, {});
          return status === 200 ? undefined : body.error;
        };
        const asked = [app, appElsewhere].map(({ requests }) => requests.length);
        assert.equal(await ask(PASSWORD), trusted ? undefined : OUTAGE);
        assert.equal(await ask('wrong'), trusted ? REJECTED : OUTAGE);
        if (!trusted)
          assert.deepEqual(
            [app, appElsewhere].map(({ requests }) => requests.length),
            asked,
          );
      });
    }
  });
}
