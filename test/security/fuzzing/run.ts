import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { bundle } from '../../../scripts/bundle.ts';
import { BUNDLE } from '../../support/cli.ts';
import { ConfigurationTrials } from './configuration-trials.ts';
import { Finding } from './finding.ts';
import { runCampaign, runCase } from './request-campaign.ts';
import { RequestTrials } from './request-trials.ts';

/**
 * `npm run fuzz -- [--seconds N] [--seed N]`: attacks a gateway with made-up requests for so long, and for half as long
 * reads made-up configurations, or until something is found. `--request N` and `--configuration N` run one case of a seed
 * again. What it finds belongs into `corpus/` once it is mended.
 */
const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    request: { type: 'string' },
    configuration: { type: 'string' },
  },
});
const seed = Number(values.seed);
await bundle(BUNDLE);
const ends: (() => unknown)[] = [];
const lifetime = { after: (end: () => unknown) => void ends.push(end) };

say(`seed ${seed}`);
try {
  if (values.request !== undefined) await runCase(await RequestTrials.start(lifetime), seed, Number(values.request));
  else if (values.configuration !== undefined) await readConfiguration(new ConfigurationTrials(lifetime));
  else await runFor(Number(values.seconds) * 1000);
} catch (error) {
  if (!(error instanceof Finding)) throw error;
  report(error);
  process.exitCode = 1;
} finally {
  for (const end of ends.reverse()) await end();
}

async function readConfiguration(trials: ConfigurationTrials): Promise<void> {
  const text = trials.textOf(seed, Number(values.configuration));
  say(text);
  await trials.run(text);
}

async function runFor(durationMs: number): Promise<void> {
  const startedAt = Date.now();
  const requests = await RequestTrials.start(lifetime);
  const before = await requests.memoryBytes();
  const { attacks, forwarded } = await runCampaign(requests, {
    seed,
    goesOn: () => Date.now() < startedAt + (durationMs * 2) / 3,
  });
  const after = await requests.memoryBytes();
  say(
    `${attacks} attacks, ${forwarded} requests forwarded, memory ${megabytes(before)} before and ${megabytes(after)} after`,
  );
  const { read, usable } = await new ConfigurationTrials(lifetime).runAll(
    seed,
    () => Date.now() < startedAt + durationMs,
  );
  say(`${read} configurations, ${usable} of them usable; nothing found`);
}

function report({ kind, index, message, bytes }: Finding): void {
  mkdirSync('build/found', { recursive: true });
  const file = join('build/found', `${kind}-${seed}-${index}`);
  writeFileSync(file, bytes, 'latin1');
  say(`${message}\nagain: npm run fuzz -- --seed ${seed} --${kind} ${index}\nit is in ${file}`);
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1024 ** 2)} MB`;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
