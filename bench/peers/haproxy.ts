import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, stop } from '../../test/support/server-process.ts';
import { untilAccepting } from '../bench.ts';
import { versionOf } from '../measure/machine.ts';
import { AUDIENCE, ISSUER, prefixesOf, SCOPE } from '../traffic.ts';
import { EVERY_FLAW, type Peer, type Setting, takesAll } from './peer.ts';

/** HAProxy with `jwt_verify`, as its own documentation puts the rules together. */
export const haproxy: Peer = {
  name: 'haproxy',
  work: 'Verifies signature, exp, iss, aud, typ and scope of every request anew. Access log (to a file), X-Request-Id, X-Forwarded-* and X-User.',
  refuses: EVERY_FLAW,
  missing: () => (versionOf('haproxy', '-v') ? undefined : 'haproxy is not in PATH: apt-get install haproxy'),
  version: () => versionOf('haproxy', '-v'),
  declines: takesAll,

  async start(bench, setting) {
    const port = await freePort();
    const folder = bench.newFolder('haproxy');
    const [file, map] = [join(folder, 'haproxy.cfg'), join(folder, 'routes.map')];
    writeFileSync(
      map,
      prefixesOf(setting.traffic)
        .map((prefix) => `${prefix} ${SCOPE}\n`)
        .join(''),
    );
    writeFileSync(file, configuration(setting, { port, map }));
    const started = bench.start('gateway', folder, ['haproxy', '-db', '-f', file]);
    await untilAccepting(started, port);
    return { port, pids: [started.pid], stop: () => stop(started.process) };
  },
};

function configuration(
  { keys: { algorithm, publicFile }, upstreamPort }: Setting,
  { port, map }: { port: number; map: string },
): string {
  return `
global
  nbthread 1
  maxconn 8192
  log stdout format raw local0

defaults
  mode http
  log global
  option httplog
  timeout connect 5s
  timeout client 65s
  timeout server 60s

frontend gateway
  bind 127.0.0.1:${port} backlog 4096
  unique-id-format %{+X}o\\ %ci:%cp_%fi:%fp_%Ts_%rt:%pid
  http-request deny deny_status 404 unless { path,map_beg(${map}) -m found }

  http-request deny deny_status 401 unless { req.hdr_cnt(authorization) eq 1 }
  http-request set-var(txn.token) http_auth_bearer
  http-request deny deny_status 401 unless { var(txn.token),jwt_header_query('$.typ') -m str at+jwt }
  http-request deny deny_status 401 unless { var(txn.token),jwt_header_query('$.alg') -m str ${algorithm} }
  http-request deny deny_status 401 unless { var(txn.token),jwt_payload_query('$.iss') -m str ${ISSUER} }
  http-request deny deny_status 401 unless { var(txn.token),jwt_payload_query('$.aud') -m str ${AUDIENCE} }
  http-request set-var(txn.exp) var(txn.token),jwt_payload_query('$.exp','int')
  http-request set-var(txn.now) date()
  http-request deny deny_status 401 unless { var(txn.exp),sub(txn.now) -m int gt 0 }
  http-request deny deny_status 401 unless { var(txn.token),jwt_verify("${algorithm}","${publicFile}") -m int 1 }
  http-request set-var(txn.scopes) var(txn.token),jwt_payload_query('$.scope')
  acl needs_scope path,map_beg(${map}) -m str ${SCOPE}
  acl has_scope var(txn.scopes) -m reg (^|\\ )${SCOPE.replace('.', '\\.')}(\\ |$)
  http-request deny deny_status 403 if needs_scope !has_scope

  option forwardfor
  http-request set-header X-Request-Id %[unique-id]
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
  http-request set-header X-Forwarded-Proto http
  http-request set-header X-User %[var(txn.token),jwt_payload_query('$.sub')]
  default_backend upstream

backend upstream
  http-reuse always
  server upstream 127.0.0.1:${upstreamPort} pool-max-conn 8192
`;
}
