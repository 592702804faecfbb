import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';

/** Peers that come from npm live beside the project, in a folder with a package.json of its own. */
const FOLDER = 'bench/peers';

/** @throws Error when npm fails. */
export function installPeers(): void {
  const args = ['install', '--prefix', FOLDER, '--no-package-lock', '--ignore-scripts', '--no-audit', '--no-fund'];
  const { status } = spawnSync('npm', args, { stdio: 'inherit' });
  if (status !== 0) throw new Error(`npm install in ${FOLDER} failed`);
}

export function missingPackage(name: string): string | undefined {
  if (existsSync(`${FOLDER}/node_modules/${name}`)) return undefined;
  return `${name} is not installed: npm run bench -- --install-peers`;
}

export function packageVersion(name: string): string | undefined {
  if (missingPackage(name) !== undefined) return undefined;
  return `${name} ${JSON.parse(readFileSync(`${FOLDER}/node_modules/${name}/package.json`, 'utf8')).version}`;
}

/** JavaScript, for it imports what only that folder has. */
export function peerProgram(name: string, ...args: readonly string[]): readonly string[] {
  return [process.execPath, resolve(FOLDER, `${name}.js`), ...args];
}
