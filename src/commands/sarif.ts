import { isAbsolute } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isWarning, type Problem } from '../config/problem.ts';

/** The rule of what has no code of its own. */
const MISTAKE = 'mistake';

/** A log of the Static Analysis Results Interchange Format 2.1.0 (OASIS), which code hosts show beside the lines. */
export function toSarif(problems: readonly Problem[]): object {
  const rules = [...new Set(problems.map(ruleOf))].map((id) => ({ id }));
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      { tool: { driver: { name: 'postern', rules } }, columnKind: 'utf16CodeUnits', results: problems.map(toResult) },
    ],
  };
}

function toResult(problem: Problem) {
  const { file, line, column } = problem.position;
  const region = { startLine: line, startColumn: column };
  return {
    ruleId: ruleOf(problem),
    level: isWarning(problem) ? 'warning' : 'error',
    message: { text: problem.message },
    locations: [{ physicalLocation: { artifactLocation: { uri: uriOf(file) }, region } }],
  };
}

function ruleOf(problem: Problem): string {
  return problem.code ?? MISTAKE;
}

/** §3.4.4: a URI reference, relative where the file was. */
function uriOf(file: string): string {
  if (isAbsolute(file)) return pathToFileURL(file).href;
  return file.replaceAll('\\', '/').split('/').map(encodeURIComponent).join('/');
}
