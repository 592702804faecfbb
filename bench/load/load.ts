import type { Bench } from '../bench.ts';
import type { Traffic } from '../traffic.ts';

/** What makes requests as fast as they are answered, or with a pause between them. */
export interface LoadGenerator {
  readonly name: string;
  missing(): string | undefined;
  run(bench: Bench, load: Load): Promise<LoadResult>;
}

export interface Load {
  readonly traffic: Traffic;
  readonly port: number;
  readonly tokensFile: string;
  readonly seconds: number;
}

export interface LoadResult {
  readonly requests: number;
  readonly seconds: number;
  /** Answers other than 200, connections that broke, answers that were late, too short, or not there at all. */
  readonly errors: number;
  readonly latencyMs: { readonly p50: number; readonly p99: number; readonly p999: number };
}
