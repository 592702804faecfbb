import type { Findings, Table } from '../bench-case.ts';
import type { Machine } from '../measure/machine.ts';
import type { Options } from '../options.ts';
import type { Peer } from '../peers/peer.ts';

export interface CaseReport extends Findings {
  readonly name: string;
  readonly sentence: string;
}

export interface Report {
  readonly machine: Machine;
  /** Which cores did what. */
  readonly cores: string;
  readonly generator: string;
  readonly options: Options;
  /** With their version, or why they are absent. */
  readonly peers: readonly (Pick<Peer, 'name' | 'work'> & { readonly found: string })[];
  readonly cases: readonly CaseReport[];
}

export function printMarkdown(report: Report): string {
  const gateways = report.peers.map(({ name, found, work }) => `- **${name}** (${found}). ${work}`);
  return `${['## The run', describeRun(report), gateways.join('\n'), ...report.cases.map(printCase)].join('\n\n')}\n`;
}

function describeRun({ machine, cores, generator, options: { rounds, seconds } }: Report): string {
  const { processor, cores: count, memoryGiB, kernel, node, date, loadBefore } = machine;
  return [
    `${date}, ${processor}, ${count} cores, ${memoryGiB} GiB, Linux ${kernel}, Node ${node}.`,
    `Load average before the run: ${loadBefore}; what is above zero is other work on the machine.`,
    `${cores} Load by ${generator}.`,
    `Rounds of each gateway, in turns: ${rounds}, of ${seconds} s. Medians, with the least and the most in brackets.`,
  ].join('\n');
}

function printCase({ name, sentence, table, notes }: CaseReport): string {
  return [`### ${name}`, `${sentence}.`, printTable(table), notes.map((note) => `- ${note}`).join('\n')]
    .join('\n\n')
    .trim();
}

/** With columns as wide as their cells, for those who read it as it is. */
function printTable({ columns, rows }: Table): string {
  if (rows.length === 0) return 'Nothing was measured.';
  const widths = columns.map((column, index) =>
    Math.max(...[column, ...rows.map((row) => row[index] ?? '')].map((cell) => cell.length)),
  );
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join(' | ')} |`;
  return [line(columns), `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...rows.map(line)].join('\n');
}
