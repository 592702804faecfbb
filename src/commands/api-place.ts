import { pathPrefix } from '../config/route-section.ts';
import { hostName } from '../config/values.ts';
import { BadUsage } from './bad-usage.ts';

/** Where an API that a description describes is, and where the gateway has it. */
export interface ApiPlace {
  /** Before the paths of the description, instead of the path of its server; empty for none. */
  readonly basePath?: string;
  /** Before that, on the gateway alone. */
  readonly prefix?: string;
  readonly host?: string;
}

/** @throws BadUsage */
export function refuseBadPlace({ basePath, prefix, host }: ApiPlace): void {
  const sound = { prefix: isPrefix(prefix), 'base-path': basePath === '' || isPrefix(basePath), host: isHost(host) };
  for (const [option, isSound] of Object.entries(sound)) {
    if (!isSound)
      throw new BadUsage(`--${option}: expected ${option === 'host' ? 'a host name' : 'a path such as /v1'}`);
  }
}

function isPrefix(path: string | undefined): boolean {
  return path === undefined || pathPrefix.safeParse(path).success;
}

function isHost(host: string | undefined): boolean {
  return host === undefined || hostName.safeParse(host).success;
}
