import type { Bench } from './bench.ts';

/** One thing that is measured, and how. */
export interface BenchCase {
  readonly name: string;
  /** What is measured, in a sentence. */
  readonly sentence: string;
  /** Whether it runs when nobody asks for it by name. */
  readonly isUsual: boolean;
  run(bench: Bench): Promise<Findings>;
}

export interface Findings {
  readonly table: Table;
  /** What has to be known to read the table. */
  readonly notes: readonly string[];
  /** The same and more, for programs. */
  readonly figures: unknown;
  readonly bars?: Bars;
}

export interface Table {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** What the plot shows of a case. */
export interface Bars {
  readonly unit: string;
  readonly values: readonly ({ readonly label: string } & Spread)[];
}

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}
