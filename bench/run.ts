import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Bench } from './bench.ts';
import { CASES, chooseCases } from './cases.ts';
import { divideCores, moveTo } from './cores.ts';
import { describeGenerator } from './load/generators.ts';
import { describeMachine } from './measure/machine.ts';
import { type Options, readOptions, USAGE } from './options.ts';
import { installPeers } from './peers/npm.ts';
import { choosePeers, PEERS } from './peers.ts';
import { type CaseReport, printMarkdown, type Report } from './report/markdown.ts';
import { drawPlot } from './report/plot.ts';

/** `npm run bench`: measures, and writes report.md, report.json and report.svg. */

const print = (text: string) => process.stdout.write(text);

async function measure(options: Options): Promise<void> {
  const cases = chooseCases(options.cases, options.all);
  const peers = choosePeers(options.peers).map((peer) => ({ ...peer, found: peer.missing() ?? peer.version() ?? '' }));
  const machine = describeMachine();
  const cores = divideCores();
  moveTo(cores.load);
  const bench = new Bench(options, cores);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void bench.end().finally(() => process.exit(1)));
  }
  const reports: CaseReport[] = [];
  const about = { machine, cores: cores.sentence, generator: describeGenerator(), options, peers };
  try {
    for (const { name, sentence, run } of cases) {
      print(`${name}: ${sentence}\n`);
      reports.push({ name, sentence, ...(await run(bench)) });
      // After each case, so that what was measured is not lost with what was not.
      writeReport(options.out, { ...about, cases: reports });
    }
  } finally {
    await bench.end();
  }
  print(`${join(options.out, 'report.md')}\n`);
}

function writeReport(folder: string, report: Report): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'report.md'), printMarkdown(report));
  writeFileSync(join(folder, 'report.json'), `${JSON.stringify(report, null, 2)}\n`);
  writeFileSync(join(folder, 'report.svg'), drawPlot(report.cases));
}

function list(): string {
  const cases = CASES.map(({ name, sentence, isUsual }) => `${isUsual ? '*' : ' '} ${name}\n    ${sentence}\n`);
  const peers = PEERS.map((peer) => `  ${peer.name}\n    ${peer.missing() ?? peer.version() ?? ''}\n`);
  return `Cases (* without --all or --case, too):\n${cases.join('')}Peers:\n${peers.join('')}`;
}

const options = readOptions(process.argv.slice(2));
const actions = {
  run: () => measure(options),
  list: () => print(list()),
  help: () => print(USAGE),
  'install-peers': installPeers,
};
await actions[options.action]();
