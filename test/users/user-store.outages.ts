import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { GatewayError } from '../../src/errors.ts';
import type { UserStore } from '../../src/users/user-store.ts';
import { type Fault, type FaultyServer, startFaultyServer } from '../support/faults.ts';
import { freePort } from '../support/server-process.ts';
import { PEOPLE } from './user-store.contract.ts';

export const TIMEOUT_MS = 300;
/** For a machine that has other things to do too. */
const TOLERANCE_MS = 400;
const FAULTS: readonly Fault[] = [
  'silent',
  'drips',
  'resets',
  'answers half',
  'answers half and ends',
  'answers nonsense',
];
const [USERNAME = '', PASSWORD = ''] = [...PEOPLE][0] ?? [];

/**
 * What every store that asks a server has to do when that does not work: throw, in time, and never give a verdict; and
 * work again when it does.
 *
 * @param realPort where the server is
 * @param open makes a store whose server is on this port, with a time-out of TIMEOUT_MS and a concurrency of 4
 */
export function userStoreOutages(
  kind: string,
  realPort: () => number,
  open: (port: number) => Promise<UserStore>,
  skip: string | false,
): void {
  describe(`outages of ${kind}`, { skip }, () => {
    let server: FaultyServer;
    before(async () => {
      server = await startFaultyServer(realPort());
    });
    after(() => server.stop());

    for (const fault of FAULTS) {
      test(`a server that ${fault === 'silent' ? 'says nothing' : fault} is an outage in time, and then works again`, async () => {
        const store = await open(server.port);
        server.fault = fault;
        await assertOutage(() => store.verify(USERNAME, PASSWORD));
        server.fault = 'none';
        await assertAccepted(store);

        // The same on connections that have worked before.
        server.fault = fault;
        await assertOutage(() => store.verify(USERNAME, PASSWORD));
        if (store.lookup) await assertOutage(async () => store.lookup?.(USERNAME));
        server.fault = 'none';
        await assertAccepted(store);
        await store.close();
      });
    }

    test('a server that says nothing is asked no more than `concurrency` allows, and then works again', async () => {
      const store = await open(server.port);
      server.fault = 'silent';
      const before = server.connections;
      const logins = Array.from({ length: 20 }, () => assertOutage(() => store.verify(USERNAME, PASSWORD)));
      // Until the first has ended: its place may go to one whose time is not over yet.
      await Promise.race(logins);
      assert.ok(server.connections - before <= 4, `${server.connections - before} connections`);
      await Promise.all(logins);
      server.fault = 'none';
      await assertAccepted(store);
      await store.close();
    });

    test('a port where nobody listens is an outage at once', async () => {
      const store = await open(await freePort());
      await assertOutage(() => store.verify(USERNAME, PASSWORD));
      await store.close();
    });
  });
}

async function assertAccepted(store: UserStore): Promise<void> {
  assert.equal((await store.verify(USERNAME, PASSWORD)).outcome, 'accepted');
}

async function assertOutage(ask: () => Promise<unknown>): Promise<void> {
  const startedAt = performance.now();
  await assert.rejects(ask, (error) => error instanceof GatewayError && error.status === 503);
  const took = performance.now() - startedAt;
  assert.ok(took < TIMEOUT_MS + TOLERANCE_MS, `took ${Math.round(took)} ms`);
}
