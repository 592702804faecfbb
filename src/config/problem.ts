import type { Position } from './schema.ts';

/** One mistake of the operator. The message is one line, and never holds what a variable stood for. */
export interface Problem {
  readonly position: Position;
  readonly message: string;
}

/** `gateway.yaml:12:5: message` */
export function formatProblem({ position, message }: Problem): string {
  return `${position.file}:${position.line}:${position.column}: ${message}`;
}

/** Everything that is wrong with a gateway.yaml, in the order of the file. */
export class ConfigError extends Error {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    const sorted = withoutRepeats(problems).sort(byPosition);
    super(sorted.map(formatProblem).join('\n'));
    this.name = 'ConfigError';
    this.problems = sorted;
  }
}

/** An anchor that is used twice brings each of its problems twice. */
function withoutRepeats(problems: readonly Problem[]): Problem[] {
  return [...new Map(problems.map((problem) => [formatProblem(problem), problem])).values()];
}

function byPosition({ position: a }: Problem, { position: b }: Problem): number {
  return a.file.localeCompare(b.file) || a.line - b.line || a.column - b.column;
}

export function samePlace({ position: a }: Problem, { position: b }: Problem): boolean {
  return a.line === b.line && a.column === b.column;
}
