import { route } from '../../src/config/route-section.ts';
import type { RouteConfig } from '../../src/config/schema.ts';
import { createMatcher, type Matcher } from '../../src/routing/matcher.ts';
import type { Bench } from '../bench.ts';
import type { BenchCase, Findings } from '../bench-case.ts';
import { printNumber } from '../measure/spread.ts';

const COUNTS = [10, 1000, 10_000, 100_000] as const;
const LOOK_UPS = 100_000;
const PASSES_A_ROUND = 5;

export const lookUpCases: readonly BenchCase[] = [
  {
    name: 'look-up',
    sentence: 'CPU of finding the route of a request, picked at random among so many, and nothing else',
    isUsual: true,
    run: measureLookUps,
  },
];

type Rule = (index: number) => { readonly path: string; readonly host?: string };

/** Route number 7 of each kind. They are asked for the same paths. */
const KINDS: Readonly<Record<string, Rule>> = {
  '`/api/r7/items/all`': (index) => ({ path: pathOf(index) }),
  '`/api/r7/items/{id}`': (index) => ({ path: `/api/r${index}/items/{id}` }),
  '`/{tenant}/r7/**`': (index) => ({ path: `/{tenant}/r${index}/**` }),
  '`/api/**` of the host `h7.bench.example`': (index) => ({ path: '/api/**', host: hostOf(index) }),
};

const pathOf = (index: number) => `/api/r${index}/items/all`;
const hostOf = (index: number) => `h${index}.bench.example`;

async function measureLookUps({ options }: Bench): Promise<Findings> {
  const rows = Object.entries(KINDS).map(([name, rule]) => {
    const nanoseconds = COUNTS.map((count) => leastNanoseconds(rule, count, options.rounds * PASSES_A_ROUND));
    return { name, nanoseconds };
  });
  return {
    table: {
      columns: ['routes', ...COUNTS.map((count) => `ns of ${printNumber(count, 0)}`)],
      rows: rows.map(({ name, nanoseconds }) => [name, ...nanoseconds.map((least) => printNumber(least, 0))]),
    },
    notes: [`The least of ${options.rounds * PASSES_A_ROUND} passes of ${printNumber(LOOK_UPS, 0)} look-ups.`],
    figures: rows,
  };
}

function leastNanoseconds(rule: Rule, count: number, passes: number): number {
  const matcher = createMatcher(Array.from({ length: count }, (_, index) => routeOf(rule(index))));
  const asked = Array.from({ length: LOOK_UPS }, () => Math.floor(Math.random() * count));
  const requests = asked.map((index) => ({ host: hostOf(index), path: pathOf(index) }));
  return Math.min(...Array.from({ length: passes }, () => nanosecondsOfPass(matcher, requests)));
}

function nanosecondsOfPass(matcher: Matcher, requests: readonly { readonly host: string; readonly path: string }[]) {
  const before = process.cpuUsage();
  for (const { host, path } of requests) matcher.match(host, path, 'GET');
  const { user, system } = process.cpuUsage(before);
  return ((user + system) * 1000) / requests.length;
}

function routeOf(rule: object): RouteConfig {
  const at = { file: 'gateway.yaml', line: 1, column: 1 };
  return Object.assign(route.parse({ upstream: 'api', ...rule }), { mode: 'enforce' as const, at });
}
