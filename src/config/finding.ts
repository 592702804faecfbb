import { GatewayError } from '../errors.ts';
import type { Path } from './check.ts';

/** Something that a configuration points at and that does not work. */
export interface Finding {
  /** The key that points there, from the section of whoever has tried it. */
  readonly at: Path;
  readonly code: string;
  readonly message: string;
}

const LONGEST_REASON = 300;

/** That `act` throws, if it does. */
export function attempt(at: Path, code: string, act: () => Promise<unknown>): Promise<readonly Finding[]> {
  return attemptAll(at, code, async () => {
    await act();
    return [];
  });
}

/** What `act` finds; or, where it throws, that. */
export async function attemptAll(
  at: Path,
  code: string,
  act: () => Promise<readonly Finding[]>,
): Promise<readonly Finding[]> {
  try {
    return await act();
  } catch (error) {
    return [{ at, code, message: reasonOf(error) }];
  }
}

export function within(section: Path, findings: readonly Finding[]): readonly Finding[] {
  return findings.map((finding) => ({ ...finding, at: [...section, ...finding.at] }));
}

/** In one line. What only says that something is out says less than its cause. */
function reasonOf(error: unknown): string {
  const reason = reasonsOf(error).join(': ');
  return (reason || 'it failed').replace(/[\p{C}\p{Z}]+/gu, ' ').slice(0, LONGEST_REASON);
}

function reasonsOf(error: unknown): string[] {
  if (!(error instanceof Error)) return [];
  // Of one host with several addresses, each has failed.
  if (error instanceof AggregateError) return [[...new Set(error.errors.map(reasonOf))].join(', ')];
  return [...(error instanceof GatewayError ? [] : [error.message]), ...reasonsOf(error.cause)];
}
