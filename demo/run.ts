import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createLegacyApi } from './legacy-api.ts';

/** `npm run demo`: the sample's API and the gateway on the repository's own gateway.yaml, with what to try against them. */

const INSTRUCTIONS = `
Postern is up, with a sample API behind it. In another terminal, log in:

  curl -X POST -H "Authorization: Basic ZjY5ODljN2Y6N2RlMzE2Mjg4YjRlYjFkNTdlYTVhMTkwYWJiZWM2OGI=" \\
    -H "Content-Type: application/x-www-form-urlencoded" -d 'grant_type=password' \\
    -d 'username=johndoe&password=myComplexPsw!1' \\
    --data-urlencode 'scope=urn:axa.assistance.travel.countries.read_only' "http://127.0.0.1:8080/auth/v1/token"

keep the access_token of the answer,

  ACCESS_TOKEN=...

and open the API with it:

  curl -H "Authorization: Bearer $ACCESS_TOKEN" "http://127.0.0.1:8080/travel/v1/countries"

Without a token, or with one that lacks the scope, the API sees nothing. Ctrl-C ends the demo.
`;

const api = createLegacyApi().listen(9000, '127.0.0.1');
await once(api, 'listening');

const gateway = spawn(process.execPath, ['dist/cli.js', 'serve', 'gateway.yaml'], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
gateway.stdout.on('data', (lines: Buffer) => {
  process.stdout.write(lines);
  if (lines.includes('"msg":"listening"')) process.stdout.write(INSTRUCTIONS);
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => gateway.kill('SIGTERM'));
const [code] = await once(gateway, 'exit');
api.close();
process.exitCode = Number(code ?? 1);
