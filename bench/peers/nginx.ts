import { join } from 'node:path';
import { freePort, stop } from '../../test/support/server-process.ts';
import { type Bench, untilAccepting } from '../bench.ts';
import { versionOf } from '../measure/machine.ts';
import { prefixesOf } from '../traffic.ts';
import { nginxCommand, nginxMain, nginxPaths } from '../upstream.ts';
import { type Peer, type RunningPeer, type Setting, takesAll } from './peer.ts';

/** nginx passing on what it gets: what any gateway has to do at the least. */
export const nginx: Peer = {
  name: 'nginx',
  work: 'Looks at no token. Access log (buffered, to a file), X-Request-Id and X-Forwarded-*; it only passes on.',
  refuses: [],
  missing: nginxMissing,
  version: () => versionOf('nginx', '-v'),
  declines: takesAll,
  start: (bench, setting) => startNginxGateway(bench, setting, { server: '', location: () => '' }),
};

export function nginxMissing(): string | undefined {
  return versionOf('nginx', '-v') === undefined ? 'nginx is not in PATH: apt-get install nginx' : undefined;
}

/** What is added to an nginx that only passes on. */
export interface NginxAddition {
  /** To its `http` section. */
  readonly http?: string;
  readonly server: string;
  location(prefix: string): string;
}

export async function startNginxGateway(
  bench: Bench,
  { traffic, upstreamPort }: Setting,
  addition: NginxAddition,
): Promise<RunningPeer> {
  const port = await freePort();
  const folder = bench.newFolder('nginx');
  const locations = prefixesOf(traffic).map(
    (prefix) => `location ${prefix} { ${addition.location(prefix)} proxy_pass http://upstream; }`,
  );
  const configuration = `
    ${nginxMain(folder)}
    http {
      ${nginxPaths(folder)}
      access_log ${join(folder, 'access.log')} combined buffer=64k flush=1s;
      keepalive_requests 1000000000;
      client_max_body_size 0;
      # Bodies stream, as they do in the other gateways: nothing waits on a disk.
      proxy_request_buffering off;
      proxy_max_temp_file_size 0;
      proxy_http_version 1.1;
      upstream upstream { server 127.0.0.1:${upstreamPort}; keepalive 1024; keepalive_requests 1000000000; }
      ${addition.http ?? ''}
      server {
        listen 127.0.0.1:${port} backlog=4096;
        proxy_set_header Connection "";
        proxy_set_header Host $http_host;
        proxy_set_header X-Request-Id $request_id;
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header X-Forwarded-Host $http_host;
        proxy_set_header X-Forwarded-Proto $scheme;
        ${addition.server}
        ${locations.join('\n')}
        location / { return 404; }
      }
    }`;
  const started = bench.start('gateway', folder, nginxCommand(folder, configuration));
  await untilAccepting(started, port);
  return { port, pids: [started.pid], stop: () => stop(started.process) };
}
