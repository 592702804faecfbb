import { autocannon } from './autocannon.ts';
import type { LoadGenerator } from './load.ts';
import { wrk } from './wrk.ts';

const GENERATORS = [wrk, autocannon];

/** What there is to make load with, or how to get it. */
export function describeGenerator(): string {
  return GENERATORS.find(isHere)?.name ?? GENERATORS.map(({ missing }) => missing()).join('; ');
}

/** The first that is here. @throws Error that says how to get one. */
export function chooseGenerator(): LoadGenerator {
  const found = GENERATORS.find(isHere);
  if (found) return found;
  throw new Error(`there is nothing to make load with: ${describeGenerator()}`);
}

const isHere = (generator: LoadGenerator) => generator.missing() === undefined;
