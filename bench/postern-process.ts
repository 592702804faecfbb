import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { type Bench, type Place, type Started, until } from './bench.ts';

/** Sections of gateway.yaml, laid over those that every gateway here has. */
export type Sections = Readonly<Record<string, unknown>>;

export interface PosternProcess extends Started {
  readonly port: number;
  readonly adminPort: number;
}

export const CLIENT = { id: 'bench', secret: '7de316288b4eb1d57ea5a190abbec68b' };
const SECRET_SHA256 = '355336c8385ef5be257bcf6a3373e4dc519fe8759cd67e1ad08e0a2cf8e40900';
export const PASSWORD = 'myComplexPsw!1';
/** argon2id at what `postern hash` makes: m=19456,t=2,p=1. */
export const PASSWORD_HASH =
  '$argon2id$v=19$m=19456,t=2,p=1$KwbM20Q9NocgvYj6ayJgsA$RlO48529fRYSxTtCO6AWMa066Lu+CFZkpRWMxH/AtYk';

const BASE: Sections = {
  listen: { address: '127.0.0.1:0', shutdown_grace: '1s', max_connections_per_address: 10_000 },
  admin: { address: '127.0.0.1:0' },
  clients: [
    {
      id: CLIENT.id,
      auth: 'client_secret_basic',
      secret_sha256: SECRET_SHA256,
      grants: ['password', 'refresh_token', 'client_credentials'],
      scopes: ['bench.read'],
    },
  ],
  users: { staff: { type: 'file', path: 'users.yaml' } },
  upstreams: {},
  routes: [],
};

/** `postern serve`, once it says that it listens; on the gateway's core, where nothing else is said. */
export async function startPostern(
  bench: Bench,
  sections: Sections,
  users: Sections = { ann: { password_hash: PASSWORD_HASH } },
  place: Place = 'gateway',
): Promise<PosternProcess> {
  const folder = bench.newFolder('postern');
  const started = bench.start(place, folder, serveCommand(bench, writeGateway(folder, sections, users)));
  const { address, admin } = await until(started, () => listeningRecord(readFileSync(started.output, 'utf8')));
  return { ...started, port: portOf(address), adminPort: portOf(admin) };
}

/** Writes gateway.yaml and users.yaml, and gives the path of the first. */
export function writeGateway(folder: string, sections: Sections, users: Sections): string {
  for (const [name, content] of Object.entries({ 'gateway.yaml': { ...BASE, ...sections }, 'users.yaml': users })) {
    writeFileSync(join(folder, name), stringify(content, { aliasDuplicateObjects: false }), { mode: 0o600 });
  }
  return join(folder, 'gateway.yaml');
}

export function serveCommand(bench: Bench, file: string): readonly string[] {
  return [process.execPath, bench.options.cli, 'serve', file];
}

/** What the log says when it listens; undefined as long as it does not. */
export function listeningRecord(output: string): { readonly address: string; readonly admin: string } | undefined {
  const line = output.split('\n').find((candidate) => candidate.endsWith('"msg":"listening"}'));
  return line === undefined ? undefined : JSON.parse(line);
}

const portOf = (address: string) => Number(address.slice(address.lastIndexOf(':') + 1));
