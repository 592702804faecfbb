import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import type { Bench } from './bench.ts';
import { flawedTokens } from './keys.ts';
import type { Load, LoadGenerator } from './load/load.ts';
import { usageOf } from './measure/process-tree.ts';
import type { Peer, RunningPeer, Setting } from './peers/peer.ts';
import { choosePeers } from './peers.ts';
import { routePrefix } from './traffic.ts';

export interface Competitor {
  readonly peer: Peer;
  readonly running: RunningPeer;
}

/** What one peer did in one round. */
export interface Round {
  readonly requestsPerSecond: number;
  /** Of its process trees, for each request. */
  readonly cpuMicroseconds: number;
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly rssBytes: number;
  /** A round with any is void. */
  readonly errors: number;
}

/** All peers that were asked for and can take part; and a sentence on each of the others. */
export async function startCompetitors(
  bench: Bench,
  setting: Setting,
  peers = choosePeers(bench.options.peers),
): Promise<{ readonly competitors: readonly Competitor[]; readonly absent: readonly string[] }> {
  const competitors: Competitor[] = [];
  const absent: string[] = [];
  for (const peer of peers) {
    const reason = peer.missing() ?? peer.declines(setting.traffic);
    if (reason === undefined) competitors.push(await startCompetitor(bench, peer, setting));
    else absent.push(`${peer.name} is absent: ${reason}.`);
  }
  return { competitors, absent };
}

async function startCompetitor(bench: Bench, peer: Peer, setting: Setting): Promise<Competitor> {
  const competitor = { peer, running: await peer.start(bench, setting) };
  await holdToItsWord(competitor, setting);
  return competitor;
}

export async function endAll(competitors: readonly Competitor[]): Promise<void> {
  await Promise.all(competitors.map(({ running }) => running.stop()));
}

/** What it takes until Node has compiled what is hot; as many seconds at the most. */
const WARM_UP = { requests: 10_000, seconds: 10 };

/** A B C A B C …: what else the machine does in a minute falls on all of them. By peer. */
export async function measureInTurns(
  bench: Bench,
  generator: LoadGenerator,
  competitors: readonly Competitor[],
  load: Pick<Load, 'traffic' | 'tokensFile'>,
): Promise<ReadonlyMap<string, readonly Round[]>> {
  const rounds = new Map<string, Round[]>(competitors.map(({ peer }) => [peer.name, []]));
  const { seconds } = bench.options;
  for (const { running } of competitors) await warmUp(bench, generator, { ...load, port: running.port, seconds: 1 });
  for (let round = 0; round < bench.options.rounds; round += 1) {
    for (const { peer, running } of competitors) {
      await expectWholeAnswer(running.port, load);
      rounds
        .get(peer.name)
        ?.push(await measureRound(bench, generator, running, { ...load, port: running.port, seconds }));
    }
  }
  return rounds;
}

async function warmUp(bench: Bench, generator: LoadGenerator, load: Load): Promise<void> {
  let requests = 0;
  for (let second = 0; second < WARM_UP.seconds && requests < WARM_UP.requests; second += 1) {
    requests += (await generator.run(bench, load)).requests;
  }
}

async function measureRound(bench: Bench, generator: LoadGenerator, { pids }: RunningPeer, load: Load): Promise<Round> {
  const before = usageOf(pids);
  const { requests, seconds, errors, latencyMs } = await generator.run(bench, load);
  const after = usageOf(pids);
  return {
    requestsPerSecond: requests / seconds,
    cpuMicroseconds: (after.cpuMicroseconds - before.cpuMicroseconds) / requests,
    ...latencyMs,
    rssBytes: after.rssBytes,
    errors,
  };
}

/** @throws Error when a peer lets pass what it says it refuses, or refuses what it says it lets pass. */
async function holdToItsWord({ peer, running }: Competitor, { keys }: Setting): Promise<void> {
  for (const [flaw, token] of await flawedTokens(keys)) {
    const { status } = await ask(running.port, `${routePrefix(0)}items/42`, token);
    const expected = peer.refuses.includes(flaw) ? [401, 403] : [200];
    if (!expected.includes(status))
      throw new Error(`${peer.name} answers ${status} to a token with this flaw: ${flaw}`);
  }
}

/** Asks once, and reads the answer whole. @throws Error when it is none. */
async function expectWholeAnswer(port: number, { traffic, tokensFile }: Pick<Load, 'traffic' | 'tokensFile'>) {
  const { status, bytes } = await ask(port, `${routePrefix(traffic.routes - 1)}items/42`, readFirstLine(tokensFile));
  if (status === 200 && bytes === traffic.answerBytes) return;
  throw new Error(`expected 200 and ${traffic.answerBytes} bytes from port ${port}, got ${status} and ${bytes}`);
}

function ask(port: number, path: string, token: string): Promise<{ readonly status: number; readonly bytes: number }> {
  return new Promise((resolve, reject) => {
    const headers = { Host: 'api.bench.example', Authorization: `Bearer ${token}` };
    request({ host: '127.0.0.1', port, path, headers, agent: false }, (response) => {
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, bytes }));
    })
      .on('error', reject)
      .end();
  });
}

function readFirstLine(file: string): string {
  const content = readFileSync(file, 'utf8');
  return content.slice(0, content.indexOf('\n'));
}
