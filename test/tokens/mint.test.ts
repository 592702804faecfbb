import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { tokens } from '../../src/config/tokens-section.ts';
import { KeysDirectory } from '../../src/tokens/keys-directory.ts';
import { TokenMint } from '../../src/tokens/mint.ts';
import { SigningKeys } from '../../src/tokens/signing-keys.ts';

const GRANT = { subject: 'u-1', clientId: 'web', scope: ['read'], login: undefined };
/** More than a signature that is made at once would take to be handed on. */
const TURNS = 1000;

for (const algorithm of ['RS256', 'PS256', 'ES256', 'EdDSA'] as const) {
  test(`a token is signed with ${algorithm} on another thread, while this one does other things`, async (context) => {
    const directory = mkdtempSync(join(tmpdir(), 'postern-keys-'));
    const source = new KeysDirectory(directory, { algorithm, overlap: 60_000 });
    const keys = new SigningKeys(source, 60_000, { onChange: () => {}, onProblem: () => {} });
    context.after(async () => {
      await keys.close();
      rmSync(directory, { recursive: true });
    });
    await keys.load();
    const config = tokens.parse({ issuer: 'https://a.example', audience: 'https://b.example' });
    const minted = new TokenMint({ tokens: config, routes: [] }, keys).accessToken(GRANT, 60_000);
    let isSigned = false;
    const noted = minted.then(() => {
      isSigned = true;
    });
    // What another thread has done is only known to the event loop, which has no turn among these.
    for (let turn = 0; turn < TURNS; turn += 1) await undefined;
    assert.equal(isSigned, false);
    await noted;
    assert.equal((await minted).split('.').length, 3);
  });
}
