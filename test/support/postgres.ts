import { chownSync, existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import {
  findProgram,
  freePort,
  makeCertificate,
  newFolder,
  removeFolder,
  run,
  startServer,
  unprivileged,
} from './server-process.ts';

const DEBIAN_FOLDER = '/usr/lib/postgresql';

export interface RunningDatabase {
  readonly port: number;
  /** As a user who may do all, to make tables with. */
  readonly url: string;
  /** The authority of the server's certificate. */
  readonly caFile: string;
  run(sql: string, values?: readonly string[]): Promise<void>;
  stop(): Promise<void>;
}

/** A PostgreSQL with an empty database. */
export async function startPostgres(): Promise<RunningDatabase> {
  const programs = () =>
    existsSync(DEBIAN_FOLDER) ? readdirSync(DEBIAN_FOLDER).map((version) => join(DEBIAN_FOLDER, version, 'bin')) : [];
  const [initdb, postgres] = ['initdb', 'postgres'].map((name) => findProgram(name, 'postgresql', programs));
  if (!initdb || !postgres) throw new Error('no PostgreSQL');
  const account = unprivileged('nobody');
  const folder = newFolder('postgres', account);
  const { key, certificate } = makeCertificate(folder);
  if (account) for (const file of [key, certificate]) chownSync(file, account.uid, account.gid);
  const data = join(folder, 'data');
  const init = ['--no-sync', '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '-D', data];
  run(initdb, init, account && { account });
  const port = await freePort();
  const settings = { listen_addresses: '127.0.0.1', unix_socket_directories: '', fsync: 'off', ssl: 'on' };
  const files = { ssl_key_file: key, ssl_cert_file: certificate };
  const options = Object.entries({ ...settings, ...files }).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const args = ['-D', data, '-p', `${port}`, ...options];
  const server = await startServer(postgres, args, port, { account, stopSignal: 'SIGQUIT' });
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  const pool = new pg.Pool({ connectionString: url, max: 1 });
  return {
    port,
    url,
    caFile: certificate,
    run: async (sql, values = []) => {
      await pool.query(sql, [...values]);
    },
    stop: async () => {
      await pool.end();
      await server.stop();
      removeFolder(folder);
    },
  };
}
