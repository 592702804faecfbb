import type { Position } from './schema.ts';

/** One mistake of the operator, or a `Warning`. The message is one line, and never holds what a variable stood for. */
export interface Problem {
  readonly position: Position;
  readonly message: string;
  /** Names it, for people to look it up and for tools: `operation-public`. Most mistakes speak for themselves. */
  readonly code?: string;
}

/** What works, but not as most would want it. */
export interface Warning extends Problem {
  readonly severity: 'warning';
  readonly code: string;
}

export function warning(code: string, position: Position, message: string): Warning {
  return { position, message, severity: 'warning', code };
}

export function isWarning(problem: Problem): problem is Warning {
  return 'severity' in problem;
}

/** `gateway.yaml:12:5: message`, `…: message [code]`, or `…: warning: message [code]` */
export function formatProblem(problem: Problem): string {
  const { file, line, column } = problem.position;
  const code = problem.code === undefined ? '' : ` [${problem.code}]`;
  return `${file}:${line}:${column}: ${isWarning(problem) ? 'warning: ' : ''}${problem.message}${code}`;
}

/** Everything that is wrong with a gateway.yaml, warnings too, in the order of the file. */
export class ConfigError extends Error {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    const sorted = inOrder(problems);
    super(sorted.map(formatProblem).join('\n'));
    this.name = 'ConfigError';
    this.problems = sorted;
  }
}

/** In the order of the file. An anchor that is used twice brings each of its problems twice, and they are told once. */
export function inOrder<Kind extends Problem>(problems: readonly Kind[]): Kind[] {
  return [...new Map(problems.map((problem) => [formatProblem(problem), problem])).values()].sort(byPosition);
}

function byPosition({ position: a }: Problem, { position: b }: Problem): number {
  return a.file.localeCompare(b.file) || a.line - b.line || a.column - b.column;
}

export function samePlace({ position: a }: Problem, { position: b }: Problem): boolean {
  return a.line === b.line && a.column === b.column;
}
