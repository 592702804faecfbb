/**
 * Nobody thinks of every request and every configuration, so some are made by chance: from a grammar whose parts are mostly
 * right, with bytes changed here and there. Requests go over raw sockets, in pieces, in a row, from attackers who hang up
 * early, with a token for some of the routes or with none.
 *
 * The promise: the gateway stays the same process, ends every connection in time, never answers that it has failed, and no
 * byte reaches an upstream without authorisation. `check` tells of any file what is wrong, where, and soon; what it accepts
 * makes a gateway.
 *
 * The seed is fixed here. `npm run fuzz` goes on with others for as long as it is told; what it found is in `fuzzing/corpus`.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { postern } from '../support/cli.ts';
import { ConfigurationTrials } from './fuzzing/configuration-trials.ts';
import { runCampaign } from './fuzzing/request-campaign.ts';
import { RequestTrials } from './fuzzing/request-trials.ts';

const SEED = 4;
const CORPUS = 'test/security/fuzzing/corpus';

describe('requests', async () => {
  const trials = await RequestTrials.start({ after });

  for (const name of readdirSync(join(CORPUS, 'requests'))) {
    test(name, async () => {
      const bytes = readFileSync(join(CORPUS, 'requests', name), 'latin1');
      // Each seed is another way to cut it in pieces, and another time to hang up.
      const seeds = Array.from({ length: 20 }, (_, seed) => seed);
      await Promise.all(seeds.map((seed) => trials.run(bytes, { isAuthorised: seed % 2 === 0, seed })));
    });
  }

  test('made by chance', async () => {
    const { attacks, forwarded } = await runCampaign(trials, { seed: SEED, goesOn: (begun) => begun < 400 });
    assert.equal(attacks, 400);
    assert.ok(forwarded > 20, `${forwarded} came through to the upstream, as they may`);
  });
});

describe('configurations', () => {
  const trials = new ConfigurationTrials({ after });
  const names = readdirSync(join(CORPUS, 'configurations')).map((name) => join(CORPUS, 'configurations', name));

  for (const name of names) {
    test(name, async () => assert.equal(await trials.run(readFileSync(name, 'utf8')), false));
  }

  test('made by chance', async () => {
    const { usable } = await trials.runAll(SEED, (read) => read < 60);
    assert.ok(usable > 0, `gateways were made of ${usable}`);
  });

  test('and the command line says of all of them that they are wrong', async () => {
    const { code, stderr } = await postern(['check', '--format', 'text', ...names]);
    assert.equal(code, 2);
    assert.doesNotMatch(stderr, /\n {4}at /);
    for (const name of names) assert.ok(stderr.includes(`${name}:`));
  });
});
