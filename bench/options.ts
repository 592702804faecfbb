import { parseArgs } from 'node:util';

/** What `npm run bench -- …` was asked for. */
export interface Options {
  /** Names of cases, or what they begin with; empty for the usual ones. */
  readonly cases: readonly string[];
  readonly all: boolean;
  /** Names of peers; empty for all that are found. */
  readonly peers: readonly string[];
  readonly rounds: number;
  /** Of load, in each round of each peer. */
  readonly seconds: number;
  /** The folder for report.md, report.json and report.svg. */
  readonly out: string;
  /** The gateway's command line, built. */
  readonly cli: string;
  readonly action: 'run' | 'list' | 'install-peers' | 'help';
}

export const USAGE = `npm run bench -- [options]

  --case NAME,...   cases by name, or by what their names begin with (default: about ten minutes' worth)
  --all             every case
  --peers NAME,...  only these (default: all that are found)
  --rounds N        rounds of each peer in each case; they take turns (default 3)
  --seconds N       of load in a round (default 2)
  --out FOLDER      where report.md, report.json and report.svg go (default build/bench-report)
  --cli FILE        the gateway to measure (default dist/cli.js)
  --list            what cases and peers there are
  --install-peers   gets the peers that come from npm, into bench/peers/node_modules
`;

/** @throws Error that says which argument is wrong. */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      case: { type: 'string', multiple: true, default: [] },
      peers: { type: 'string', multiple: true, default: [] },
      rounds: { type: 'string', default: '3' },
      seconds: { type: 'string', default: '2' },
      out: { type: 'string', default: 'build/bench-report' },
      cli: { type: 'string', default: 'dist/cli.js' },
      all: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      'install-peers': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const { all, out, cli } = values;
  return {
    cases: listed(values.case),
    peers: listed(values.peers),
    rounds: wholeNumber('--rounds', values.rounds),
    seconds: wholeNumber('--seconds', values.seconds),
    ...{ all, out, cli },
    action: (['list', 'install-peers', 'help'] as const).find((action) => values[action]) ?? 'run',
  };
}

const listed = (values: readonly string[]) => values.flatMap((value) => value.split(',')).filter(Boolean);

function wholeNumber(option: string, value: string): number {
  if (/^[1-9]\d{0,4}$/.test(value)) return Number(value);
  throw new Error(`${option}: expected a whole number, found ${value}`);
}
