import type { BenchCase } from './bench-case.ts';
import { hashingCases } from './cases/hashing.ts';
import { loginFloodCases } from './cases/login-flood.ts';
import { lookUpCases } from './cases/look-up.ts';
import { proxiedCases } from './cases/proxied.ts';
import { startUpCases } from './cases/start-up.ts';
import { streamCases } from './cases/streams.ts';
import { tokenCases } from './cases/tokens.ts';

export const CASES: readonly BenchCase[] = [
  ...proxiedCases,
  ...lookUpCases,
  ...streamCases,
  ...tokenCases,
  ...loginFloodCases,
  ...hashingCases,
  ...startUpCases,
];

/** Those whose names begin with one of these; without names the usual ones. @throws Error for a name that fits none. */
export function chooseCases(names: readonly string[], all: boolean): readonly BenchCase[] {
  const unknown = names.find((name) => !CASES.some((candidate) => candidate.name.startsWith(name)));
  if (unknown !== undefined) throw new Error(`there is no case ${unknown}: npm run bench -- --list`);
  if (names.length === 0) return CASES.filter(({ isUsual }) => all || isUsual);
  return CASES.filter((candidate) => names.some((name) => isMeant(name, candidate)));
}

/** A whole name means its case alone, though it may begin others. */
function isMeant(name: string, { name: candidate }: BenchCase): boolean {
  return CASES.some((one) => one.name === name) ? candidate === name : candidate.startsWith(name);
}
