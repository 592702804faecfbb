import { createReadStream } from 'node:fs';
import { draftFromTraffic } from '../learn/draft-routes.ts';
import { readLog } from '../learn/read-log.ts';
import { type LeftOut, Traffic } from '../learn/traffic.ts';
import { BadUsage } from './bad-usage.ts';
import { addDrafts, printDrafts } from './write-drafts.ts';

export interface LearnOptions {
  readonly upstream: string;
  readonly into?: string;
  /** How many literals may stand in one place before they are taken for values. */
  readonly values: string;
}

/** Drafts routes from an access log, `-` for standard input: to standard output, or into a configuration. */
export async function learn(file: string, { upstream, into, values }: LearnOptions): Promise<void> {
  if (!/^[1-9]\d{0,3}$/.test(values)) throw new BadUsage('--values: expected a number from 1 to 9999');
  const traffic = new Traffic(Number(values));
  const unread = await observe(file, traffic);
  const drafts = draftFromTraffic(traffic, upstream);
  process.stderr.write(summary(file, drafts.length, traffic, unread));
  if (into === undefined) printDrafts(drafts, []);
  else addDrafts(drafts, [], into, upstream);
}

/** @returns how many lines could not be read. */
async function observe(file: string, traffic: Traffic): Promise<number> {
  const input = file === '-' ? process.stdin : createReadStream(file);
  let unread = 0;
  for await (const request of readLog(input.setEncoding('utf8') as AsyncIterable<string>)) {
    if (request) traffic.add(request);
    else unread += 1;
  }
  return unread;
}

const REASONS: Readonly<Record<LeftOut, string>> = {
  'not served': 'were not answered with success',
  OPTIONS: 'were OPTIONS, which browsers ask without a token',
  method: 'had a method that no route can have',
  path: 'had a path that the gateway refuses',
  'too many places': 'came when there were too many paths already',
};

function summary(file: string, drafted: number, { leftOut }: Traffic, unread: number): string {
  const left = Array.from(leftOut, ([reason, count]) => `  ${count} requests ${REASONS[reason]}\n`);
  const lines = unread === 0 ? [] : [`  ${unread} lines are no request with a path\n`];
  const skipped = [...left, ...lines];
  return `${file}: ${drafted} routes${skipped.length > 0 ? '; left out:' : ''}\n${skipped.join('')}`;
}
