import { writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { freePort, stop } from '../test/support/server-process.ts';
import { type Bench, program, untilAccepting } from './bench.ts';
import { versionOf } from './measure/machine.ts';

export interface Upstream {
  readonly port: number;
  /** What it is, for the report. */
  readonly title: string;
  stop(): Promise<void>;
}

/** Longer ones do not fit into a line of nginx's configuration. */
const LONGEST_INLINE_BYTES = 2000;

/** The API behind all gateways, on the cores of the load: nginx, or Node where there is none. */
export function startUpstream(bench: Bench, answerBytes: number): Promise<Upstream> {
  return versionOf('nginx', '-v') === undefined ? startNodeUpstream(bench) : startNginx(bench, answerBytes);
}

/** As programs/upstream.ts has it: also streams, and bodies that are read to their end. */
export async function startNodeUpstream(bench: Bench): Promise<Upstream> {
  const port = await freePort();
  const started = bench.start('load', bench.newFolder('upstream'), [...program('upstream'), String(port)]);
  await untilAccepting(started, port);
  return { port, title: `Node ${process.version}`, stop: () => stop(started.process) };
}

async function startNginx(bench: Bench, answerBytes: number): Promise<Upstream> {
  const port = await freePort();
  const folder = bench.newFolder('upstream');
  const answer = 'x'.repeat(answerBytes);
  writeFileSync(join(folder, 'answer.json'), answer);
  const served =
    answerBytes <= LONGEST_INLINE_BYTES
      ? `return 200 ${answer};`
      : 'rewrite ^ /answer.json break; open_file_cache max=10;';
  const configuration = `
    ${nginxMain(folder)}
    http {
      ${nginxPaths(folder)}
      access_log off;
      default_type application/json;
      sendfile on;
      keepalive_requests 1000000000;
      server {
        listen 127.0.0.1:${port} backlog=4096;
        root ${folder};
        location / { ${served} }
      }
    }`;
  const started = bench.start('load', folder, nginxCommand(folder, configuration));
  await untilAccepting(started, port);
  return { port, title: versionOf('nginx', '-v') ?? 'nginx', stop: () => stop(started.process) };
}

/** Writes the configuration, and gives the command that runs it. */
export function nginxCommand(folder: string, configuration: string): readonly string[] {
  const file = join(folder, 'nginx.conf');
  writeFileSync(file, configuration);
  return ['nginx', '-e', join(folder, 'error.log'), '-p', folder, '-c', file];
}

/** One worker, in the foreground, as the user who runs the bench. */
export function nginxMain(folder: string): string {
  const user = process.getuid?.() === 0 ? `user ${userInfo().username};` : '';
  return `
    daemon off; worker_processes 1; worker_rlimit_nofile 16384; ${user}
    pid ${folder}/pid; error_log ${folder}/error.log;
    events { worker_connections 8192; }`;
}

export function nginxPaths(folder: string): string {
  const kinds = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return kinds.map((kind) => `${kind}_temp_path ${folder}/${kind};`).join('\n');
}
