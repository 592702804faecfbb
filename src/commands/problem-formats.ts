import { formatProblem, isWarning, type Problem } from '../config/problem.ts';
import { createExcerpts } from './excerpt.ts';
import { toSarif } from './sarif.ts';

export interface CheckedFile {
  readonly file: string;
  readonly problems: readonly Problem[];
}

interface Output {
  readonly stdout: string;
  readonly stderr: string;
}

/** How `check` tells what it has found: people and scripts read lines on stderr, other tools a document on stdout. */
export const formats = {
  lines: (files) => forPeople(files, (problem) => `${formatProblem(problem)}\n`),
  text: (files) => {
    const excerptOf = createExcerpts();
    return forPeople(files, (problem) => `${formatProblem(problem)}\n${excerptOf(problem.position)}`);
  },
  json: (files) => document({ problems: files.flatMap(({ problems }) => problems.map(toJson)) }),
  sarif: (files) => document(toSarif(files.flatMap(({ problems }) => problems))),
  github: (files) => ({ stdout: files.flatMap(({ problems }) => problems.map(workflowCommand)).join(''), stderr: '' }),
} as const satisfies Record<string, (files: readonly CheckedFile[]) => Output>;

function forPeople(files: readonly CheckedFile[], tell: (problem: Problem) => string): Output {
  const sound = files.filter(({ problems }) => problems.every(isWarning));
  return {
    stderr: files.flatMap(({ problems }) => problems.map(tell)).join(''),
    stdout: sound
      .map(({ file, problems }) => `${file}: ${problems.length > 0 ? 'no errors' : 'no problems'}\n`)
      .join(''),
  };
}

function document(content: object): Output {
  return { stdout: `${JSON.stringify(content, undefined, 2)}\n`, stderr: '' };
}

function toJson(problem: Problem) {
  const { position, message, code } = problem;
  return { ...position, severity: isWarning(problem) ? 'warning' : 'error', code, message };
}

/** https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions */
function workflowCommand(problem: Problem): string {
  const { file, line, column } = problem.position;
  const command = isWarning(problem) ? 'warning' : 'error';
  const title = problem.code ?? 'gateway.yaml';
  const properties = Object.entries({ file, line, col: column, title }).map(
    ([name, value]) => `${name}=${escapeData(String(value)).replaceAll(':', '%3A').replaceAll(',', '%2C')}`,
  );
  return `::${command} ${properties.join(',')}::${escapeData(problem.message)}\n`;
}

function escapeData(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}
