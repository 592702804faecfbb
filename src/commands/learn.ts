import { open } from 'node:fs/promises';
import { unreadable } from '../config/read-text.ts';
import { draftFromTraffic } from '../learn/draft-routes.ts';
import { readLog } from '../learn/read-log.ts';
import { type LeftOut, Traffic } from '../learn/traffic.ts';
import { BadUsage } from './bad-usage.ts';
import { type Destination, writeDrafts } from './write-drafts.ts';

export interface LearnOptions extends Destination {
  /** How many literals may stand in one place before they are taken for values. */
  readonly values: string;
}

/** Drafts routes from an access log, `-` for standard input: to standard output, or into a configuration. */
export async function learn(file: string, { values, ...destination }: LearnOptions): Promise<void> {
  if (!/^[1-9]\d{0,3}$/.test(values)) throw new BadUsage('--values: expected a number from 1 to 9999');
  const traffic = new Traffic(Number(values));
  const unread = await observe(file, traffic);
  const drafts = draftFromTraffic(traffic, destination.upstream);
  process.stderr.write(summary(file, drafts.length, traffic, unread));
  writeDrafts(drafts, [], destination);
}

/** @returns how many lines could not be read. */
async function observe(file: string, traffic: Traffic): Promise<number> {
  const input = file === '-' ? process.stdin : await openLog(file);
  let unread = 0;
  for await (const request of readLog(input.setEncoding('utf8') as AsyncIterable<string>)) {
    if (request) traffic.add(request);
    else unread += 1;
  }
  return unread;
}

async function openLog(file: string) {
  const handle = await open(file).catch((cause) => {
    throw new BadUsage(`${file}: cannot read it: ${unreadable(cause).message}`);
  });
  return handle.createReadStream();
}

const REASONS: Readonly<Record<LeftOut, string>> = {
  'not served': 'requests without success',
  OPTIONS: 'OPTIONS requests, which browsers send without a token',
  method: 'requests with a method that no route can have',
  path: 'requests for a path that the gateway refuses',
  'too many places': 'requests that came when there were too many paths already',
};

function summary(file: string, drafted: number, { leftOut }: Traffic, unread: number): string {
  const counts: [number, string][] = Array.from(leftOut, ([reason, count]) => [count, REASONS[reason]]);
  if (unread > 0) counts.push([unread, 'lines that are no request with a path']);
  const lines = counts.map(([count, what]) => `  left out: ${count} ${what}\n`);
  return `${file}: ${drafted} routes\n${lines.join('')}`;
}
