import type { Bench } from '../bench.ts';
import type { Flaw, Keys } from '../keys.ts';
import type { Traffic } from '../traffic.ts';

/** A gateway that is measured beside the others, Postern among them. */
export interface Peer {
  readonly name: string;
  /** What it does with a request and what it leaves out, in a sentence. */
  readonly work: string;
  /** The flaws of tokens that it refuses. The bench tries all, and takes it at its word both ways. */
  readonly refuses: readonly Flaw[];
  /** Why it cannot be started here, and how to get it; undefined when it can. */
  missing(): string | undefined;
  /** Its version, as it says it. */
  version(): string | undefined;
  /** Why it stays out of such traffic; undefined when it takes part. */
  declines(traffic: Traffic): string | undefined;
  /** On the gateway's core, ready to be asked. */
  start(bench: Bench, setting: Setting): Promise<RunningPeer>;
}

/** What is the same for all peers of a case. */
export interface Setting {
  readonly traffic: Traffic;
  readonly keys: Keys;
  readonly upstreamPort: number;
}

export interface RunningPeer {
  readonly port: number;
  /** The roots of its process trees. */
  readonly pids: readonly number[];
  stop(): Promise<void>;
}

/** All that a gateway for OAuth has to look at. */
export const EVERY_FLAW: readonly Flaw[] = ['signature', 'expired', 'issuer', 'audience', 'type', 'scope'];

export const takesAll = () => undefined;
