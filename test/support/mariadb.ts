import { join } from 'node:path';
import { createPool } from 'mysql2/promise';
import type { RunningDatabase } from './postgres.ts';
import { findProgram, freePort, makeCertificate, newFolder, removeFolder, run, startServer } from './server-process.ts';

/** A MariaDB with the empty database `users`. */
export async function startMariadb(): Promise<RunningDatabase> {
  const install = findProgram('mariadb-install-db', 'mariadb-server');
  const mariadbd = findProgram('mariadbd', 'mariadb-server');
  const folder = newFolder('mariadb');
  const { key, certificate } = makeCertificate(folder);
  const data = join(folder, 'data');
  const asRoot = process.getuid?.() === 0 ? ['--user=root'] : [];
  run(install, [
    ...['--no-defaults', `--datadir=${data}`, '--auth-root-authentication-method=normal', '--skip-test-db', ...asRoot],
  ]);
  const port = await freePort();
  const server = await startServer(
    mariadbd,
    [
      ...['--no-defaults', `--datadir=${data}`, `--socket=${join(folder, 'socket')}`, ...asRoot],
      ...['--bind-address=127.0.0.1', `--port=${port}`, '--skip-name-resolve'],
      ...[`--ssl-key=${key}`, `--ssl-cert=${certificate}`, `--ssl-ca=${certificate}`],
    ],
    port,
    { stopSignal: 'SIGKILL' },
  );
  const admin = createPool({ host: '127.0.0.1', port, user: 'root', connectionLimit: 1 });
  await admin.query('create database users');
  const pool = createPool({ host: '127.0.0.1', port, user: 'root', database: 'users', connectionLimit: 1 });
  return {
    port,
    url: `mysql://root@127.0.0.1:${port}/users`,
    caFile: certificate,
    run: async (sql, values = []) => {
      await pool.execute(sql, [...values]);
    },
    stop: async () => {
      await Promise.all([admin.end(), pool.end()]);
      await server.stop();
      removeFolder(folder);
    },
  };
}
