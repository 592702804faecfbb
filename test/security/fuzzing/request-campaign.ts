import { setTimeout as delay } from 'node:timers/promises';
import { Finding } from './finding.ts';
import { Random } from './random.ts';
import { attack } from './request-grammar.ts';
import type { RequestTrials } from './request-trials.ts';

/** Attackers at once: most of an attack's time is waiting. */
const ATTACKERS = 16;

export interface Campaign {
  readonly seed: number;
  /** Whether another attack may be begun, after so many. */
  readonly goesOn: (begun: number) => boolean;
}

export interface Outcome {
  readonly attacks: number;
  /** Requests that the upstream has answered: a sign that attacks come far enough to be of use. */
  readonly forwarded: number;
}

/** Attacks the gateway as often as `goesOn` says. @throws Finding */
export async function runCampaign(trials: RequestTrials, { seed, goesOn }: Campaign): Promise<Outcome> {
  let [begun, forwarded] = [0, 0];
  const attacker = async () => {
    while (goesOn(begun)) {
      const index = begun;
      begun += 1;
      const reached = await runCase(trials, seed, index).catch((cause) => {
        throw new Suspicion(index, cause);
      });
      forwarded += reached;
    }
  };
  const attackers = Array.from({ length: ATTACKERS }, attacker);
  try {
    await Promise.all(attackers);
  } catch (error) {
    await Promise.allSettled(attackers);
    throw error instanceof Suspicion ? await findCulprit(trials, seed, error) : error;
  }
  trials.checkProcess();
  return { attacks: begun, forwarded };
}

/** The attack that goes by this number, which is the same with the same seed. Every second one comes with a token. */
export function attackOf(seed: number, index: number): string {
  return attack(new Random(seed, index));
}

export function runCase(trials: RequestTrials, seed: number, index: number): Promise<number> {
  return trials.run(attackOf(seed, index), { isAuthorised: index % 2 === 0, seed: seed + index });
}

class Suspicion extends Error {
  readonly index: number;

  constructor(index: number, cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause));
    this.index = index;
  }
}

/** What was seen may come of another attack of the same time. Each is tried again on its own. */
async function findCulprit(trials: RequestTrials, seed: number, { index, message }: Suspicion): Promise<Finding> {
  for (let tried = Math.max(0, index - 2 * ATTACKERS); tried <= index + ATTACKERS; tried += 1) {
    try {
      await runCase(trials, seed, tried);
      await delay(20);
      trials.checkProcess();
    } catch (cause) {
      return new Finding('request', tried, attackOf(seed, tried), cause);
    }
  }
  return new Finding('request', index, attackOf(seed, index), `${message} (it did not happen again)`);
}
