import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { decodeJwt } from 'jose';
import { createLegacyApi } from '../../demo/legacy-api.ts';
import { createGateway, readConfig } from '../../src/gateway.ts';
import { createLog } from '../../src/observe/log.ts';

const run = promisify(execFile);

/** The two commands that the README and the demo print, as a shell runs them. */
const LOGIN = `curl -s -X POST -H "Authorization: Basic ZjY5ODljN2Y6N2RlMzE2Mjg4YjRlYjFkNTdlYTVhMTkwYWJiZWM2OGI=" \\
  -H "Content-Type: application/x-www-form-urlencoded" -d 'grant_type=password' \\
  -d 'username=johndoe&password=myComplexPsw!1' \\
  --data-urlencode 'scope=urn:axa.assistance.travel.countries.read_only' "http://127.0.0.1:8080/auth/v1/token"`;
const READ = 'curl -s -H "Authorization: Bearer $ACCESS_TOKEN" "http://127.0.0.1:8080/travel/v1/countries"';

test("the two commands of the README work on the repository's own gateway.yaml", async (context) => {
  const api = createLegacyApi().listen(0, '127.0.0.1');
  await once(api, 'listening');
  context.after(() => api.close());
  const apiPort = (api.address() as AddressInfo).port;

  // Only the ports are others, so that the test does not need these to be free.
  const directory = mkdtempSync(join(tmpdir(), 'postern-sample-'));
  cpSync('users.yaml', join(directory, 'users.yaml'));
  const sample = readFileSync('gateway.yaml', 'utf8')
    .replace('address: 127.0.0.1:8080', 'address: 127.0.0.1:0')
    .replace('127.0.0.1:9000', `127.0.0.1:${apiPort}`);
  writeFileSync(join(directory, 'gateway.yaml'), `${sample}admin: { address: "127.0.0.1:0" }\n`);
  const config = readConfig(join(directory, 'gateway.yaml'));
  const gateway = await createGateway(config, createLog({ level: 'silent', format: 'json' }));
  const { address } = await gateway.listen();
  context.after(() => gateway.close());

  const curl = async (command: string, env = {}) => {
    const line = command.replace('127.0.0.1:8080', `127.0.0.1:${address.port}`);
    return JSON.parse((await run('sh', ['-c', line], { env: { ...process.env, ...env } })).stdout);
  };
  const answer = await curl(LOGIN);
  assert.deepEqual(Object.keys(answer).sort(), [
    'access_token',
    'expires_in',
    'id_token',
    'id_token_type',
    'refresh_token',
    'scope',
    'token_type',
  ]);
  assert.equal(answer.token_type, 'Bearer');
  assert.deepEqual(decodeJwt(answer.access_token).customData, { cn: '1001' });
  const read = await curl(READ, { ACCESS_TOKEN: answer.access_token });
  assert.equal(read.countries.length, 3);
  assert.equal(read.seen_by_the_api_as, 'u-1001');
});

test('the commands are printed as they are tested', () => {
  const plain = (text: string) => text.replace(/ -s\b|\\+\n\s*/g, ' ').replace(/\s+/g, ' ');
  for (const file of ['README.md', 'demo/run.ts']) {
    const printed = plain(readFileSync(file, 'utf8'));
    for (const command of [LOGIN, READ]) assert.ok(printed.includes(plain(command)), `${file}: ${command}`);
  }
});
