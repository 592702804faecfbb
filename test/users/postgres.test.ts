import { PostgresDatabase } from '../../src/users/sql/postgres.ts';
import { startPostgres } from '../support/postgres.ts';
import { provide } from '../support/server-process.ts';
import { sqlContract } from './sql.contract.ts';

sqlContract({
  name: 'PostgreSQL',
  provided: await provide(startPostgres),
  open: (config, ca) => new PostgresDatabase(config, ca),
  exactText: 'text',
  parameter: (number) => `$${number}`,
  slow: "select pg_sleep(60), 'slow query' as password_hash where $1 <> ''",
  running: `select count(*) as sub, 'x' as password_hash from pg_stat_activity
    where query like '%slow query%' and state = 'active' and pid <> pg_backend_pid() and $1 <> ''`,
});
