import { MysqlDatabase } from '../../src/users/sql/mysql.ts';
import { startMariadb, startMysql } from '../support/mysql.ts';
import { provide } from '../support/server-process.ts';
import { sqlContract } from './sql.contract.ts';

/** With the collation of each that tells names apart as they are. */
const SERVERS = [
  ['MariaDB', startMariadb, 'utf8mb4_nopad_bin'],
  ['MySQL', startMysql, 'utf8mb4_0900_bin'],
] as const;

for (const [name, start, collation] of SERVERS) {
  sqlContract({
    name,
    provided: await provide(start),
    open: (config, ca) => new MysqlDatabase(config, ca),
    exactText: `varchar(300) character set utf8mb4 collate ${collation}`,
    parameter: () => '?',
    slow: "select sleep(60), 'slow query' as password_hash from dual where $1 <> ''",
    running: `select count(*) as sub, 'x' as password_hash from information_schema.processlist
      where info like '%slow query%' and id <> connection_id() and $1 <> ''`,
  });
}
