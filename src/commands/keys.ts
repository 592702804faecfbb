import type { Config } from '../config/schema.ts';
import { readConfig } from '../read-config.ts';
import { openStore } from '../store/open.ts';
import type { KeySource } from '../tokens/key-source.ts';
import { openKeySource } from '../tokens/open-key-source.ts';
import type { KeyTimes, RotateRequest, Scheduled } from '../tokens/rotation.ts';
import { BadConfiguration } from './bad-configuration.ts';
import { formatTable } from './table.ts';

export type ListFormat = 'table' | 'json';

/** Prints the keys that a gateway publishes, without their private parts. */
export async function listKeys(file: string, format: ListFormat): Promise<void> {
  const keys = (await withKeys(file, (source) => source.list())).map(toRow);
  process.stdout.write(format === 'json' ? `${JSON.stringify(keys, undefined, 2)}\n` : table(keys));
}

/** Makes the next key, which running gateways find by themselves. */
export async function rotateKeys(file: string, request: RotateRequest): Promise<void> {
  const { kid, algorithm, signsFromMs } = await withKeys(file, (source) => source.rotate(request));
  const signs = signsFromMs <= Date.now() ? 'signs now' : `signs from ${time(signsFromMs)}`;
  process.stdout.write(`${kid} (${algorithm}) is published now and ${signs}\n`);
}

async function withKeys<Result>(file: string, act: (source: KeySource) => Promise<Result>): Promise<Result> {
  const config = readConfig(file);
  refuseEmbedded(config);
  const store = await openStore(config.store);
  try {
    return await act(openKeySource(config, store));
  } finally {
    await store.close();
  }
}

function refuseEmbedded({ store, tokens }: Config): void {
  if (store.redis !== undefined || tokens.signing.keys_dir !== undefined) return;
  const cause = new Error(
    'the keys are in the memory of the gateway, where there is nothing to list or rotate from outside',
  );
  throw new BadConfiguration(cause);
}

type Row = ReturnType<typeof toRow>;

function toRow({ key, state, withdrawnAtMs }: Scheduled<KeyTimes>) {
  return {
    kid: key.kid,
    algorithm: key.algorithm,
    state,
    created: time(key.createdAtMs),
    signs_from: time(key.signsFromMs),
    withdrawn_at: time(withdrawnAtMs),
  };
}

/** Null for what has no time: a successor that nobody knows yet, a file whose name does not tell. */
function time(ms: number): string | null {
  return ms > 0 && Number.isFinite(ms) ? new Date(ms).toISOString() : null;
}

function table(rows: readonly Row[]): string {
  const heads = ['KID', 'ALGORITHM', 'STATE', 'CREATED', 'SIGNS FROM', 'WITHDRAWN AT'];
  return formatTable([heads, ...rows.map((row) => Object.values(row).map((value) => value ?? '-'))]);
}
