import type { RouteConfig } from '../config/schema.ts';
import { GatewayError } from '../errors.ts';
import { fold, foldSegment } from './fold.ts';
import { comparableHost, DEFAULT_METHODS, parameterNames, parsePattern, type Segment } from './pattern.ts';
import { type Found, Trie } from './trie.ts';

/** The route that a request goes by. */
export interface Match {
  readonly route: RouteConfig;
  /** What each `{name}` stands for, as it is in the canonical path. Has no prototype. */
  readonly parameters: Readonly<Record<string, string>>;
  /** What `/**` stands for: empty, or from its slash on. */
  readonly tail: string;
}

/** A route that a request did not go by, though it came near. */
export interface NearMiss {
  readonly route: RouteConfig;
  /**
   * What kept it: its methods; a more specific path; its host; or only the spelling of the path, as upstreams that read
   * paths forgivingly would ignore it (case, a slash at the end, `;parameters`).
   */
  readonly because: 'method' | 'specificity' | 'host' | 'spelling';
}

export interface Matcher {
  /**
   * @param host the Host header as it was sent
   * @param path canonical, from `parseTarget`
   * @throws GatewayError `not_found`; `method_not_allowed` with its `Allow`; `invalid_request` for an encoded slash that
   *   the route does not allow, and for a path that an upstream may take for one of another route.
   */
  match(host: string | undefined, path: string, method: string): Match;
  /** Which other routes came near, in the order in which they were looked at. Takes what `match` takes, and refuses nothing. */
  nearMisses(host: string | undefined, path: string, method: string): readonly NearMiss[];
  /** All routes, in the order in which they are looked at. */
  readonly routes: readonly RouteConfig[];
}

/**
 * The most specific path wins, and then the method is looked at. A broader route never steps in for a method that the
 * most specific one lacks: whoever protects `GET /orders/export` means that path, and `/orders/**` must not become the
 * way around it. Routes with a `host` are looked at first, then those without.
 *
 * Upstreams differ in what they take for the same path: IIS and others ignore case, Tomcat cuts `;parameters` off, many
 * ignore a slash at the end. With `/status/**` public and `/status/admin` protected, `/status/ADMIN` would be let
 * through and served as `/status/admin`. So a path that, read that forgivingly, belongs to another route than the path
 * itself is refused. The price: beside a literal `/users/me`, the route `/users/{id}` cannot serve an id such as `ME`;
 * and beside `/docs`, the route `/docs/**` cannot serve `/docs/`. Paths that no other route could claim are never
 * refused for their case or escapes.
 */
export function createMatcher(routes: readonly RouteConfig[]): Matcher {
  const table = new Table(routes);
  return {
    match(host, path, method) {
      const hosts = table.hostsFor(host);
      const hasSlash = path.includes('%2F');
      const found = table.find(hosts, path);
      if (hasSlash && !found?.values.some(({ route }) => route.encoded_slashes)) throw encodedSlash();
      if (found === undefined) throw new GatewayError('not_found');
      const winner = found.values.find(({ methods }) => methods.includes(method));
      if (winner === undefined) throw methodNotAllowed(found.values);
      if (hasSlash && !winner.route.encoded_slashes) throw encodedSlash();
      if (couldBelongToAnother(table, hosts, path, winner)) throw ambiguous();
      return matchOf(winner, found, path);
    },
    nearMisses(host, path, method) {
      return nearMisses(table, table.hostsFor(host), path, method);
    },
    routes: table.routes(),
  };
}

/** One route, where its path leads to. */
interface Entry {
  readonly route: RouteConfig;
  readonly methods: readonly string[];
  readonly parameters: readonly string[];
  /** How many segments its path has, without `/**`. */
  readonly depth: number;
}

/** The routes by host, in two tries each: as they are written, and folded. */
class Table {
  readonly #written = new Map<string, Trie<Entry>>();
  readonly #folded = new Map<string, Trie<Entry>>();

  constructor(routes: readonly RouteConfig[]) {
    for (const route of routes) {
      const { segments, tail } = parsePattern(route.path);
      const methods = route.methods ?? DEFAULT_METHODS;
      const entry = { route, methods, parameters: parameterNames(segments), depth: segments.length };
      const host = route.host === undefined ? ANY_HOST : comparableHost(route.host);
      trieOf(this.#written, host).add(segments, tail, entry);
      trieOf(this.#folded, host).add(segments.map(foldLiteral), tail, entry);
    }
  }

  /** The names that a host's routes are under, in the order in which they are looked at. */
  hostsFor(host: string | undefined): readonly string[] {
    const knowsHosts = this.#written.size > Number(this.#written.has(ANY_HOST));
    return knowsHosts && host ? hostNames(host) : ONLY_ANY_HOST;
  }

  /** The routes of the path that wins, for all methods. */
  find(hosts: readonly string[], path: string): Found<Entry> | undefined {
    return find(this.#written, hosts, path);
  }

  findFolded(hosts: readonly string[], path: string): readonly Entry[] | undefined {
    return find(this.#folded, hosts, path)?.values;
  }

  /** The routes of all paths that fit: for these hosts, or for all others. */
  findAll(hosts: readonly string[], path: string, which: 'these' | 'others' = 'these'): readonly (readonly Entry[])[] {
    const names = which === 'these' ? hosts : this.#hosts().filter((host) => !hosts.includes(host));
    return names.flatMap((host) => this.#written.get(host)?.findAll(path) ?? []);
  }

  findAllFolded(hosts: readonly string[], path: string): readonly Entry[] {
    return hosts.flatMap((host) => this.#folded.get(host)?.findAll(path) ?? []).flat();
  }

  routes(): readonly RouteConfig[] {
    const tries = this.#hosts().flatMap((host) => [...(this.#written.get(host)?.values() ?? [])]);
    return tries.map(({ route }) => route);
  }

  /** In the order in which they are looked under: with a port, without, any. */
  #hosts(): readonly string[] {
    const rank = (host: string) => (host === ANY_HOST ? 2 : Number(!/:\d+$/.test(host)));
    return [...this.#written.keys()].sort((a, b) => rank(a) - rank(b));
  }
}

function trieOf(tries: Map<string, Trie<Entry>>, host: string): Trie<Entry> {
  const trie = tries.get(host) ?? new Trie<Entry>();
  tries.set(host, trie);
  return trie;
}

function find(tries: ReadonlyMap<string, Trie<Entry>>, hosts: readonly string[], path: string) {
  for (const host of hosts) {
    const found = tries.get(host)?.find(path);
    if (found) return found;
  }
  return undefined;
}

function foldLiteral(segment: Segment): Segment {
  if (segment.kind === 'parameter') return segment;
  return { kind: 'literal', text: foldSegment(decodeURIComponent(segment.text)) };
}

/** No host is empty, so it stands for the routes of all hosts. */
const ANY_HOST = '';
const ONLY_ANY_HOST = [ANY_HOST];

/** In this order: with its port, without it, any. */
function hostNames(host: string): readonly string[] {
  const name = comparableHost(host);
  return [name, name.replace(/:\d*$/, ''), ANY_HOST];
}

/** Whether an upstream that reads paths more forgivingly than we do would serve another route's path. */
function couldBelongToAnother(table: Table, hosts: readonly string[], path: string, winner: Entry): boolean {
  const joined = fold(path, 'joins');
  if (joined === undefined) return false;
  const other = table.findFolded(hosts, joined);
  if (other !== undefined && !other.includes(winner)) return true;
  return path.includes('%2F') && reachesDeeper(table, hosts, path, winner);
}

/**
 * Whether the path, with its encoded slashes decoded, belongs to a route that is as specific as the winner or more.
 * A broader one may be passed over: whoever allows encoded slashes beside a catch-all wants just that.
 */
function reachesDeeper(table: Table, hosts: readonly string[], path: string, winner: Entry): boolean {
  const parted = fold(path, 'parts');
  const other = parted === undefined ? undefined : table.findFolded(hosts, parted);
  if (other === undefined || other.includes(winner)) return false;
  return other.some(({ depth }) => depth >= winner.depth);
}

function nearMisses(table: Table, hosts: readonly string[], path: string, method: string): readonly NearMiss[] {
  const [winners = [], ...broader] = table.findAll(hosts, path);
  const misses = new Map<RouteConfig, NearMiss['because']>();
  const note = (entries: readonly Entry[], because: NearMiss['because']) => {
    for (const { route } of entries) if (!misses.has(route)) misses.set(route, because);
  };
  note(
    winners.filter(({ methods }) => !methods.includes(method)),
    'method',
  );
  note(broader.flat(), 'specificity');
  note(table.findAll(hosts, path, 'others').flat(), 'host');
  const forgiving = table.findAllFolded(hosts, fold(path, 'joins') ?? path);
  note(
    forgiving.filter((entry) => !winners.includes(entry)),
    'spelling',
  );
  return Array.from(misses, ([route, because]) => ({ route, because }));
}

function matchOf({ route, parameters: names }: Entry, { parameters, tailAt }: Found<Entry>, path: string): Match {
  return { route, parameters: parameters.length > 0 ? named(names, parameters) : NONE, tail: path.slice(tailAt) };
}

const NONE: Match['parameters'] = Object.freeze(Object.create(null));

function named(names: readonly string[], values: readonly string[]): Match['parameters'] {
  const parameters: Record<string, string> = Object.create(null);
  for (const [index, name] of names.entries()) parameters[name] = values[index] ?? '';
  return parameters;
}

function methodNotAllowed(entries: readonly Entry[]): GatewayError {
  const allowed = new Set(entries.flatMap(({ methods }) => methods));
  return new GatewayError('method_not_allowed', { headers: { Allow: [...allowed].join(', ') } });
}

function encodedSlash(): GatewayError {
  return new GatewayError('invalid_request', { description: 'The path holds an encoded slash.' });
}

function ambiguous(): GatewayError {
  return new GatewayError('invalid_request', { description: 'The path could be taken for another one.' });
}
