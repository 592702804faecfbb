import { isDeepStrictEqual } from 'node:util';
import type { Check, Path, Sections } from './check.ts';
import type { Config } from './schema.ts';

/** What is settled once a gateway runs: where it listens and in which protocol, its store, and the form of its log. */
const SETTLED: readonly (readonly [Path, read: (sections: Partial<Sections>) => unknown])[] = [
  [['listen', 'address'], ({ listen }) => listen?.address],
  [['listen', 'workers'], ({ listen }) => listen?.workers],
  [['listen', 'tls'], ({ listen }) => listen && listen.tls !== undefined],
  [['admin', 'address'], ({ admin }) => admin?.address],
  [['store', 'redis'], ({ store }) => store && { url: store.redis }],
  [['store', 'key_prefix'], ({ store }) => store?.key_prefix],
  [['store', 'timeout'], ({ store }) => store?.timeout],
  [['log', 'format'], ({ log }) => log?.format],
];

/** For a configuration that is to take the place of the `running` one. */
export function checkRestart(running: Config): Check {
  return (sections, locate) =>
    SETTLED.filter(([, read]) => {
      const value = read(sections);
      return value !== undefined && !isDeepStrictEqual(value, read(running));
    }).map(([path]) => ({
      position: locate(path),
      message: `\`${path.join('.')}\` cannot change while the gateway runs: restart it, or take this change back`,
    }));
}
