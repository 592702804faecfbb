import type { Findings, Spread } from '../bench-case.ts';
import { printNumber, printSpread, spreadOf } from '../measure/spread.ts';
import type { Round } from '../rounds.ts';

/** What is told of each gateway's rounds, but for the CPU. */
const MEASURES: readonly { readonly title: string; readonly digits: number; read(round: Round): number }[] = [
  { title: 'requests/s', digits: 0, read: ({ requestsPerSecond }) => requestsPerSecond },
  { title: 'p50 ms', digits: 2, read: ({ p50 }) => p50 },
  { title: 'p99 ms', digits: 2, read: ({ p99 }) => p99 },
  { title: 'p99.9 ms', digits: 2, read: ({ p999 }) => p999 },
  { title: 'RSS MB', digits: 0, read: ({ rssBytes }) => rssBytes / 1e6 },
];

/** Gateways side by side, by name, with the ratio of their CPU to two that everybody knows. */
export function compareRounds(rounds: ReadonlyMap<string, readonly Round[]>, absent: readonly string[]): Findings {
  const good = [...rounds]
    .map(([name, all]) => [name, all.filter(({ errors }) => errors === 0)] as const)
    .filter(([, all]) => all.length > 0);
  const cpu = new Map(good.map(([name, all]) => [name, spreadOf(all.map(({ cpuMicroseconds }) => cpuMicroseconds))]));
  return {
    table: {
      columns: ['gateway', 'CPU µs/request', 'to HAProxy', 'to nginx', ...MEASURES.map(({ title }) => title)],
      rows: good.map(([name, all]) => [
        name,
        ...cpuCells(cpu.get(name), cpu.get('haproxy'), cpu.get('nginx')),
        ...MEASURES.map(({ read, digits }) => printSpread(spreadOf(all.map(read)), digits)),
      ]),
    },
    notes: [...absent, ...[...rounds].flatMap(voidRounds)],
    figures: Object.fromEntries(rounds),
    bars: { unit: 'CPU µs/request', values: [...cpu].map(([label, spread]) => ({ label, ...spread })) },
  };
}

function cpuCells(own: Spread | undefined, ...references: readonly (Spread | undefined)[]): readonly string[] {
  if (own === undefined) return [];
  return [
    printSpread(own),
    ...references.map((reference) => (reference ? printNumber(own.median / reference.median, 2) : '–')),
  ];
}

function voidRounds([name, rounds]: readonly [string, readonly Round[]]): readonly string[] {
  const failed = rounds.filter(({ errors }) => errors > 0);
  return failed.map(({ errors }) => `A round of ${name} is void: ${errors} requests failed.`);
}
