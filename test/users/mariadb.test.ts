import { MysqlDatabase } from '../../src/users/sql/mysql.ts';
import { startMariadb } from '../support/mariadb.ts';
import { provide } from '../support/server-process.ts';
import { sqlContract } from './sql.contract.ts';

sqlContract({
  name: 'MariaDB',
  provided: await provide(startMariadb),
  open: (config, ca) => new MysqlDatabase(config, ca),
  exactText: 'varchar(300) character set utf8mb4 collate utf8mb4_nopad_bin',
  parameter: () => '?',
  slow: "select sleep(60), 'slow query' as password_hash from dual where $1 <> ''",
  running: `select count(*) as sub, 'x' as password_hash from information_schema.processlist
    where info like '%slow query%' and id <> connection_id() and $1 <> ''`,
});
