import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { findProgram, Missing, newFolder, removeFolder, run } from './server-process.ts';

export const DOMAIN_DN = 'DC=corp,DC=example,DC=com';
export const ADMINISTRATOR = { dn: `CN=Administrator,CN=Users,${DOMAIN_DN}`, password: 'Passw0rd of the domain' };

export interface RunningDomain {
  /** ldap:// */
  readonly port: number;
  /** Makes the password of this user one of the year 2000. */
  agePassword(dn: string): void;
  stop(): Promise<void>;
}

/**
 * A domain controller that speaks Active Directory's LDAP. It is not installed by the tests, for it is large, and it takes
 * root. Of its services only LDAP runs, on a Unix socket: its port could not be another than 389.
 */
export async function startSamba(): Promise<RunningDomain> {
  const [samba, tool] = [findProgram('samba'), findProgram('samba-tool')];
  if (process.getuid?.() !== 0) throw new Missing('samba runs as root only');
  const folder = newFolder('samba');
  run(tool, [
    ...['domain', 'provision', '--realm=CORP.EXAMPLE.COM', '--domain=CORP', '--server-role=dc', '--dns-backend=NONE'],
    ...['--host-name=dc1', '--host-ip=127.0.0.1', `--adminpass=${ADMINISTRATOR.password}`, `--targetdir=${folder}`],
    // Not every file system has the attributes that it keeps with files.
    `--option=posix:eadb = ${join(folder, 'eadb.tdb')}`,
  ]);
  const file = join(folder, 'ldap-only.conf');
  writeFileSync(file, configuration(folder));
  // A group of its own, for it leaves processes behind when it is asked to end.
  const child = spawn(samba, ['-F', '-s', file, '--no-process-group'], { stdio: 'ignore', detached: true });
  const socket = join(folder, 'private', 'ldapi');
  for (let tries = 0; !(await takesConnections(socket)); tries += 1) {
    if (child.exitCode !== null || tries > 300) throw new Error('samba is not ready');
    await delay(50);
  }
  const bridge = await startBridge(socket);
  return {
    port: (bridge.address() as AddressInfo).port,
    agePassword: (dn) => run(DEBIAN_PYTHON, ['-c', AGE_PASSWORD, join(folder, 'private', 'sam.ldb'), file, dn]),
    stop: async () => {
      bridge.close();
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      await once(child, 'exit');
      removeFolder(folder);
    },
  };
}

/** It has the modules of Samba. */
const DEBIAN_PYTHON = '/usr/bin/python3';

/** In the database itself, with a control that samba does not take over LDAP. A time is in 100 ns since 1601. */
const AGE_PASSWORD = `
import sys
from samba.auth import system_session
from samba.param import LoadParm
from samba.samdb import SamDB

database, configuration, dn = sys.argv[1:]
SamDB(database, session_info=system_session(), lp=LoadParm(filename_for_non_global_lp=configuration)).modify_ldif(
    f"dn: {dn}\\nchangetype: modify\\nreplace: pwdLastSet\\npwdLastSet: 125911584000000000\\n",
    ["local_oid:1.3.6.1.4.1.7165.4.3.20:0"],
)
`;

function configuration(folder: string): string {
  const folders = ['cache directory', 'lock directory', 'ncalrpc dir', 'pid directory', 'winbindd socket directory'];
  return `[global]
${folders.map((name) => `${name} = ${join(folder, name.replaceAll(' ', '-'))}`).join('\n')}
private dir = ${join(folder, 'private')}
state directory = ${join(folder, 'state')}
log file = ${join(folder, 'log')}
netbios name = DC1
workgroup = CORP
realm = CORP.EXAMPLE.COM
server role = active directory domain controller
server services = ldap
interfaces =
bind interfaces only = yes
ldap server require strong auth = no
tls enabled = no
`;
}

/** A port of this host that leads to a Unix socket. */
async function startBridge(path: string): Promise<Server> {
  const bridge = createServer((client) => {
    const server = connect(path);
    for (const socket of [client, server]) socket.on('error', () => socket.destroy());
    client.on('close', () => server.destroy());
    server.on('close', () => client.destroy());
    client.pipe(server).pipe(client);
  });
  bridge.listen(0, '127.0.0.1');
  await once(bridge, 'listening');
  return bridge;
}

function takesConnections(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.on('error', () => resolve(false));
    socket.on('connect', () => resolve(socket.destroy() !== undefined));
  });
}
