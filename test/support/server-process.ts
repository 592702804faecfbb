import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** A real server of the tests' own, with its data in a new folder; or why there is none. */
export type Provided<Server> = { readonly server: Server; readonly skip?: undefined } | { readonly skip: string };

/** Starts the server, or says why it cannot be had. Only what is missing on the machine is a reason to skip. */
export async function provide<Server>(start: () => Promise<Server>): Promise<Provided<Server>> {
  try {
    return { server: await start() };
  } catch (error) {
    if (error instanceof Missing) return { skip: error.message };
    throw error;
  }
}

export class Missing extends Error {}

/** The path of a program; its Debian package, if one is named, is installed if it is not there. @throws Missing */
export function findProgram(name: string, debianPackage?: string, folders: () => readonly string[] = () => []): string {
  const find = () => programsNamed(name, folders()).at(0);
  const found = find();
  if (found !== undefined) return found;
  if (debianPackage === undefined) throw new Missing(`${name} is not in PATH`);
  install(debianPackage);
  const path = find();
  if (path === undefined) throw new Missing(`${name} is not in PATH`);
  return path;
}

/** The paths of all programs of this name. */
export function programsNamed(name: string, folders: readonly string[] = []): readonly string[] {
  return [...(process.env.PATH ?? '').split(':'), '/usr/sbin', ...folders]
    .map((folder) => join(folder, name))
    .filter((path) => existsSync(path));
}

function install(debianPackage: string): void {
  const asRoot = process.getuid?.() === 0 ? '' : 'sudo -n ';
  const options = '-q -o DPkg::Lock::Timeout=120';
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  for (const line of [`apt-get ${options} update`, `apt-get ${options} install -y ${debianPackage}`]) {
    const { status, stderr } = spawnSync('sh', ['-c', `${asRoot}${line}`], { encoding: 'utf8', env });
    if (status !== 0) throw new Missing(`${debianPackage} is not installed, and ${line} failed: ${stderr.trim()}`);
  }
}

/** Servers that refuse to run as root run as one of these; `undefined` when that is not needed. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

export function unprivileged(name: string): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const id = (flag: string) => Number(spawnSync('id', [flag, name], { encoding: 'utf8' }).stdout);
  return { uid: id('-u'), gid: id('-g') };
}

export function newFolder(name: string, owner?: Account): string {
  const folder = mkdtempSync(join(tmpdir(), `postern-${name}-`));
  if (owner) chownSync(folder, owner.uid, owner.gid);
  return folder;
}

/** Runs a program to its end. @throws Error with what it said when it fails. */
export function run(program: string, args: readonly string[], options: { input?: string; account?: Account } = {}) {
  const { input, account } = options;
  const { status, stderr, stdout, error } = spawnSync(program, args, {
    encoding: 'utf8',
    cwd: tmpdir(),
    ...(input !== undefined && { input }),
    ...account,
  });
  if (status !== 0) throw new Error(`${program} failed: ${error ?? ''}${stderr}${stdout}`);
  return stdout;
}

export interface ServerProcess {
  stop(): Promise<void>;
}

/**
 * Starts a server in the foreground, and waits until its port takes connections.
 *
 * @param options.stopSignal the one that ends it at once: its data are thrown away
 */
export async function startServer(
  program: string,
  args: readonly string[],
  port: number,
  { account, stopSignal }: { account?: Account | undefined; stopSignal: NodeJS.Signals },
): Promise<ServerProcess> {
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'], cwd: tmpdir(), ...account });
  let said = '';
  child.stderr.on('data', (text) => {
    said = `${said}${text}`.slice(-4000);
  });
  for (let tries = 0; !(await takesConnections(port)); tries += 1) {
    if (child.exitCode !== null || tries > 300) {
      await stop(child, stopSignal);
      throw new Error(`${program} is not ready: ${said}`);
    }
    await delay(50);
  }
  return { stop: () => stop(child, stopSignal) };
}

export function takesConnections(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => resolve(false));
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}

export function removeFolder(folder: string): void {
  // Processes that a server has started may still be ending.
  rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
}

export async function stop(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill(signal);
  await once(child, 'exit');
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** A certificate for 127.0.0.1 and localhost that is its own authority: key.pem and certificate.pem in the folder. */
export function makeCertificate(folder: string): { readonly key: string; readonly certificate: string } {
  const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
  run(findProgram('openssl', 'openssl'), [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'],
    ...['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'],
    ...['-keyout', key, '-out', certificate],
  ]);
  return { key, certificate };
}
