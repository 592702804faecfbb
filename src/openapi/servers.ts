import { type Warning, warning } from '../config/problem.ts';
import type { Value } from './description.ts';

/**
 * The path of the first server, without a slash at its end.
 *
 * @param places whose `servers` count, the nearest first: operation, path item, description
 */
export function basePathOf(places: readonly Value[], tell: (note: Warning) => void): string {
  const described = places.map((place) => place.at('servers')?.items() ?? []);
  const depth = described.findIndex((servers) => servers.length > 0);
  const [first, ...others] = (described[depth] ?? []).map((server) => ({ server, path: pathOf(server) }));
  if (first === undefined) return '';
  const other = others.find(({ path }) => path !== first.path);
  if (other !== undefined) {
    const message = 'this server has another path than the first, which is the one that counts';
    tell(warning('other-server', other.server.position, message));
  }
  if (depth < places.length - 1) {
    const message = 'only a part of the description is on this server: see that the upstream is the right one';
    tell(warning('other-server', first.server.position, message));
  }
  return first.path;
}

/** Variables stand for their defaults; a URL may be relative to where the description is. */
function pathOf(server: Value): string {
  const url = (server.at('url')?.text ?? '').replace(
    /\{([^{}]+)\}/g,
    (_, name: string) => server.at('variables')?.at(name)?.at('default')?.text ?? '',
  );
  const base = 'http://description.invalid';
  return URL.canParse(url, base) ? new URL(url, base).pathname.replace(/\/+$/, '') : '';
}
