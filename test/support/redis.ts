import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort, stop } from './server-process.ts';

export interface ProvidedRedis {
  readonly url: string;
  /** One line on where it came from. */
  readonly how: string;
  stop(): Promise<void>;
}

export interface RunningRedis {
  readonly url: string;
  readonly port: number;
  readonly process: ChildProcess;
  stop(): Promise<void>;
}

const SERVERS = ['redis-server', 'valkey-server'] as const;

/** How each package manager gets a Redis. The first one that the machine has is asked. */
const PACKAGE_MANAGERS = [
  { command: 'apt-get', install: ['apt-get update -q', 'apt-get install -y -q redis-server'] },
  { command: 'dnf', install: ['dnf install -y /usr/bin/redis-server'] },
  { command: 'apk', install: ['apk add --no-cache redis'] },
  { command: 'brew', install: ['brew install redis'] },
] as const;

/** The Redis of `REDIS_URL`, else one of our own from PATH, else one that the system's package manager brings first. */
export async function provideRedis(): Promise<ProvidedRedis> {
  const given = process.env.REDIS_URL;
  if (given) return { url: given, how: 'Redis: using REDIS_URL', stop: async () => {} };
  const found = findServer();
  const how = found ? `Redis: started ${found} from PATH` : `Redis: ${installServer()}, then started it`;
  const running = await startRedis();
  return { url: running.url, how: `${how} on port ${running.port}`, stop: running.stop };
}

/** A Redis that keeps nothing on disk. A port of 0 takes a free one. */
export async function startRedis(port = 0, options: readonly string[] = []): Promise<RunningRedis> {
  if (findServer() === undefined) installServer();
  const server = findServer();
  if (server === undefined) throw new Error(`neither ${SERVERS.join(' nor ')} is in PATH`);
  const chosen = port || (await freePort());
  const args = ['--port', String(chosen), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', ...options];
  const child = spawn(server, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  await untilReady(child, server);
  const url = `redis://127.0.0.1:${chosen}/0`;
  return { url, port: chosen, process: child, stop: () => stop(child) };
}

function findServer(): string | undefined {
  return SERVERS.find((server) => spawnSync(server, ['--version']).status === 0);
}

function installServer(): string {
  const manager = PACKAGE_MANAGERS.find(({ command }) => spawnSync(command, ['--version']).status === 0);
  if (!manager) throw new Error('The tests need a Redis: set REDIS_URL, or install redis-server or valkey-server.');
  const asRoot = manager.command !== 'brew' && process.getuid?.() !== 0 ? 'sudo -n ' : '';
  for (const line of manager.install) {
    const { status, stderr } = spawnSync('sh', ['-c', `${asRoot}${line}`], { encoding: 'utf8' });
    if (status !== 0) throw new Error(`${line} failed: ${stderr}`);
  }
  return `installed it with ${manager.command}`;
}

async function untilReady(child: ChildProcess, server: string): Promise<void> {
  const ready = (async () => {
    for await (const lines of child.stdout ?? []) if (String(lines).includes('Ready to accept connections')) return;
    throw new Error(`${server} ended before it was ready`);
  })();
  const late = delay(10_000, undefined, { ref: false }).then(() => {
    throw new Error(`${server} was not ready within 10 seconds`);
  });
  await Promise.race([ready, late]);
  child.stdout?.resume();
}
