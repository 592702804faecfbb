import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram, freePort, makeCertificate, newFolder, removeFolder, run, startServer } from './server-process.ts';

export const BASE_DN = 'dc=example,dc=com';
export const ADMIN_DN = `cn=admin,${BASE_DN}`;
export const ADMIN_PASSWORD = 'admin password';

export interface RunningDirectory {
  /** ldap://, with StartTLS. */
  readonly port: number;
  /** ldaps:// */
  readonly securePort: number;
  /** The authority of the server's certificate, which is for localhost and 127.0.0.1. */
  readonly caFile: string;
  stop(): Promise<void>;
}

/** An attribute of a type that Active Directory has, and OpenLDAP lacks. */
const SCHEMA =
  "attributetype ( 1.2.840.113556.1.4.8 NAME 'userAccountControl' SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )";

/** A slapd with these entries, with ppolicy, memberOf, and no anonymous access but to authenticate. */
export async function startSlapd(ldif: string): Promise<RunningDirectory> {
  const [slapd, slapadd] = ['slapd', 'slapadd'].map((name) => findProgram(name, 'slapd'));
  if (!slapd || !slapadd) throw new Error('no slapd');
  const folder = newFolder('slapd');
  const { key, certificate } = makeCertificate(folder);
  const data = join(folder, 'data');
  mkdirSync(data);
  const file = join(folder, 'slapd.conf');
  writeFileSync(file, configuration({ folder, data, key, certificate }));
  run(slapadd, ['-q', '-f', file], { input: ldif });
  const [port, securePort] = [await freePort(), await freePort()];
  const urls = `ldap://127.0.0.1:${port} ldaps://127.0.0.1:${securePort}`;
  const server = await startServer(slapd, ['-f', file, '-h', urls, '-d', '0'], port, { stopSignal: 'SIGTERM' });
  return {
    port,
    securePort,
    caFile: certificate,
    stop: async () => {
      await server.stop();
      removeFolder(folder);
    },
  };
}

function configuration(paths: { folder: string; data: string; key: string; certificate: string }): string {
  return `
${['core', 'cosine', 'inetorgperson'].map((name) => `include /etc/ldap/schema/${name}.schema`).join('\n')}
${SCHEMA}
moduleload back_mdb
moduleload ppolicy
moduleload memberof
pidfile ${join(paths.folder, 'slapd.pid')}
TLSCertificateFile ${paths.certificate}
TLSCertificateKeyFile ${paths.key}
database mdb
maxsize 16777216
dbnosync
suffix ${BASE_DN}
rootdn ${ADMIN_DN}
rootpw "${ADMIN_PASSWORD}"
directory ${paths.data}
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="cn=postern,${BASE_DN}" read by self read by * none
overlay memberof
overlay ppolicy
ppolicy_default cn=policy,${BASE_DN}
ppolicy_use_lockout
`;
}
