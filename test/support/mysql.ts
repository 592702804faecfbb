import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createPool } from 'mysql2/promise';
import type { RunningDatabase } from './postgres.ts';
import {
  findProgram,
  freePort,
  Missing,
  makeCertificate,
  newFolder,
  programsNamed,
  removeFolder,
  run,
  startServer,
} from './server-process.ts';

const asRoot = process.getuid?.() === 0 ? ['--user=root'] : [];

/** A MariaDB with the empty database `users`. */
export async function startMariadb(): Promise<RunningDatabase> {
  const install = findProgram('mariadb-install-db', 'mariadb-server');
  const mariadbd = findProgram('mariadbd', 'mariadb-server');
  return start(mariadbd, 'mariadb', (data) =>
    run(install, [
      ...[
        '--no-defaults',
        `--datadir=${data}`,
        '--auth-root-authentication-method=normal',
        '--skip-test-db',
        ...asRoot,
      ],
    ]),
  );
}

/** A MySQL with the empty database `users`. It is not installed by the tests, for Debian stable has MariaDB in its place. */
export async function startMysql(): Promise<RunningDatabase> {
  const mysqld = findMysqld();
  return start(
    mysqld,
    'mysql',
    (data) => run(mysqld, ['--no-defaults', '--initialize-insecure', `--datadir=${data}`, ...asRoot]),
    ['--mysqlx=OFF', '--secure-file-priv=NULL'],
  );
}

/** MariaDB has a program of this name too. */
function findMysqld(): string {
  const isMysql = (path: string) => {
    const { stdout } = spawnSync(path, ['--no-defaults', '--version'], { encoding: 'utf8' });
    return !/mariadb/i.test(stdout);
  };
  const found = programsNamed('mysqld').find(isMysql);
  if (found === undefined) throw new Missing('no mysqld of MySQL is in PATH, and Debian stable has none');
  return found;
}

/** What is run before connections are taken: MySQL's own root may come from localhost only, and no names are resolved. */
const INIT = `create user if not exists root@127.0.0.1;
grant all on *.* to root@127.0.0.1 with grant option;
create database users;
`;

async function start(
  program: string,
  name: string,
  initialize: (data: string) => void,
  options: readonly string[] = [],
): Promise<RunningDatabase> {
  const folder = newFolder(name);
  const { key, certificate } = makeCertificate(folder);
  const [data, init] = [join(folder, 'data'), join(folder, 'init.sql')];
  initialize(data);
  writeFileSync(init, INIT);
  const port = await freePort();
  const server = await startServer(
    program,
    [
      ...['--no-defaults', `--datadir=${data}`, `--socket=${join(folder, 'socket')}`, `--init-file=${init}`, ...asRoot],
      ...['--bind-address=127.0.0.1', `--port=${port}`, '--skip-name-resolve', ...options],
      ...[`--ssl-key=${key}`, `--ssl-cert=${certificate}`, `--ssl-ca=${certificate}`],
    ],
    port,
    { stopSignal: 'SIGKILL' },
  );
  const url = `mysql://root@127.0.0.1:${port}/users`;
  const pool = createPool({ uri: url, connectionLimit: 1 });
  return {
    port,
    url,
    caFile: certificate,
    run: async (sql, values = []) => {
      await pool.execute(sql, [...values]);
    },
    stop: async () => {
      await pool.end();
      await server.stop();
      removeFolder(folder);
    },
  };
}
