import type { Position } from './schema.ts';

/** One mistake of the operator, or a `Warning`. The message is one line, and never holds what a variable stood for. */
export interface Problem {
  readonly position: Position;
  readonly message: string;
  /** Names it, for people to look it up and for tools: `operation-public`. Most mistakes speak for themselves. */
  readonly code?: string;
}

/** Each names a warning, for people to look it up and for tools. */
export const WARNING_CODES = [
  'broadened-path',
  'cleartext-upstream',
  'existing-route',
  'foreign-pattern',
  'foreign-scheme',
  'long-access-token',
  'narrowed-security',
  'no-security',
  'no-trusted-proxies',
  'nothing-included',
  'operation-left-out',
  'operation-needs-token',
  'operation-overprotected',
  'operation-without-route',
  'other-scopes',
  'other-server',
  'own-endpoint',
  'public-below-protected',
  'public-operation',
  'public-password-client',
  'readable-secret',
  'report-mode',
  'route-without-operation',
  'scope-of-no-client',
  'scope-of-no-route',
  'shared-route',
  'sub-not-a-string',
  'unbraced-variable',
  'unknown-code',
  'unknown-scheme',
  'unreachable-route',
  'weak-hash',
] as const;

export type WarningCode = (typeof WARNING_CODES)[number];

/** What works, but not as most would want it. */
export interface Warning extends Problem {
  readonly severity: 'warning';
  readonly code: WarningCode;
}

export function warning(code: WarningCode, position: Position, message: string): Warning {
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
  /** As those of a `Config`: a change of one of them may mend it. */
  readonly files: readonly string[];

  constructor(problems: readonly Problem[], files: readonly string[] = []) {
    const sorted = inOrder(problems);
    super(sorted.map(formatProblem).join('\n'));
    this.name = 'ConfigError';
    this.problems = sorted;
    this.files = files;
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
  return a.file === b.file && a.line === b.line && a.column === b.column;
}

/** `line 12`, or where that is not in `read`, the file that is spoken of: `line 12 of routes/b.yaml`. */
export function nameLine({ file, line }: Position, read: string): string {
  return file === read ? `line ${line}` : `line ${line} of ${file}`;
}
