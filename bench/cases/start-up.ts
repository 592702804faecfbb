import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { startRedis } from '../../test/support/redis.ts';
import { stop, takesConnections } from '../../test/support/server-process.ts';
import type { Bench } from '../bench.ts';
import type { BenchCase, Findings, Spread } from '../bench-case.ts';
import { openKeys } from '../keys.ts';
import { runProgram } from '../load/run-program.ts';
import { usageOf } from '../measure/process-tree.ts';
import { printSpread, spreadOf } from '../measure/spread.ts';
import { posternSettings } from '../peers/postern.ts';
import { listeningRecord, type Sections, serveCommand, writeGateway } from '../postern-process.ts';
import { AUDIENCE, ISSUER, USUAL_TRAFFIC } from '../traffic.ts';

const STARTS_A_ROUND = 3;
/** Waited for once a round. */
const IDLE_MS = 2000;

export const startUpCases: readonly BenchCase[] = [
  {
    name: 'start-up',
    sentence: `From exec of \`postern serve\` to the first connection that it takes; memory after ${IDLE_MS / 1000} s without work`,
    isUsual: true,
    run: measureStarts,
  },
];

interface Start {
  readonly milliseconds: number;
  readonly cpuMilliseconds: number;
  /** Undefined where nobody waited for it to be idle. */
  readonly rssBytes: number | undefined;
}

async function measureStarts(bench: Bench): Promise<Findings> {
  const redis = bench.adopt(await startRedis());
  const kinds: Readonly<Record<string, Sections>> = {
    'embedded store, 10 routes': sectionsOf(10),
    'embedded store, 10 routes, a new RSA key': {
      ...sectionsOf(10),
      tokens: { issuer: ISSUER, audience: AUDIENCE },
    },
    'Redis, 10 routes': { ...sectionsOf(10), store: { redis: redis.url } },
    'embedded store, 10,000 routes': sectionsOf(10_000),
  };
  const starts = new Map<string, Start[]>(Object.keys(kinds).map((name) => [name, []]));
  const bare: number[] = [];
  try {
    for (let turn = 0; turn < bench.options.rounds * STARTS_A_ROUND; turn += 1) {
      const idleMs = turn % STARTS_A_ROUND === 0 ? IDLE_MS : 0;
      for (const [name, sections] of Object.entries(kinds)) {
        starts.get(name)?.push(await measureStart(bench, sections, idleMs));
      }
      bare.push(await measureBareNode(bench));
    }
  } finally {
    await redis.stop();
  }
  return findingsOf(starts, spreadOf(bare));
}

/** Nobody asks, so the upstream need not be there. */
function sectionsOf(routes: number): Sections {
  const traffic = { ...USUAL_TRAFFIC, routes };
  return posternSettings({ traffic, keys: openKeys(traffic.algorithm), upstreamPort: 9 });
}

/** Its output comes through a pipe here: a file would have to be looked at again and again. */
async function measureStart(bench: Bench, sections: Sections, idleMs: number): Promise<Start> {
  const file = writeGateway(bench.newFolder('start'), sections, {
    ann: { password_hash: '{SHA}yhl/F9N3x6QeP7n5vJ7Pcd/5fc4=' },
  });
  const [program = '', ...args] = bench.pinned('gateway', serveCommand(bench, file));
  const startedAt = performance.now();
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const port = await listeningPort(child.stdout);
    if (!(await takesConnections(port))) throw new Error('it says that it listens, and does not');
    const milliseconds = performance.now() - startedAt;
    const { cpuMicroseconds } = usageOf([child.pid ?? 0]);
    await delay(idleMs);
    const rssBytes = idleMs > 0 ? usageOf([child.pid ?? 0]).rssBytes : undefined;
    return { milliseconds, cpuMilliseconds: cpuMicroseconds / 1000, rssBytes };
  } finally {
    await stop(child);
  }
}

function listeningPort(stdout: Readable): Promise<number> {
  let output = '';
  return new Promise((resolve, reject) => {
    stdout.on('data', (chunk) => {
      output += chunk;
      const record = listeningRecord(output);
      if (record) resolve(Number(record.address.split(':').at(-1)));
    });
    stdout.on('end', () => reject(new Error(`it ended before it listened: ${output}`)));
  });
}

async function measureBareNode(bench: Bench): Promise<number> {
  const startedAt = performance.now();
  await runProgram(bench.pinned('gateway', [process.execPath, '--eval', '0']));
  return performance.now() - startedAt;
}

function findingsOf(starts: ReadonlyMap<string, readonly Start[]>, bare: Spread): Findings {
  return {
    table: {
      columns: ['configuration', 'ms to the first connection', 'CPU ms', 'RSS MB idle'],
      rows: [...starts].map(([name, runs]) => [
        name,
        printSpread(spreadOf(runs.map(({ milliseconds }) => milliseconds)), 0),
        printSpread(spreadOf(runs.map(({ cpuMilliseconds }) => cpuMilliseconds)), 0),
        printSpread(spreadOf(runs.flatMap(({ rssBytes }) => (rssBytes === undefined ? [] : [rssBytes / 1e6]))), 1),
      ]),
    },
    notes: [`\`node --eval 0\` takes ${printSpread(bare, 0)} ms here: so much of each is Node's own.`],
    figures: { starts: Object.fromEntries(starts), bare },
  };
}
