import type { Warning } from './problem.ts';

const COMMENT = /(?:^|\s)#\s*postern-ignore:\s*([a-z-]+(?:[\s,]+[a-z-]+)*)/;

/**
 * Whether a comment of the file silences a warning: `# postern-ignore: code` at the end of its line, or alone on the line
 * above. Several codes may stand there; words behind them say why.
 *
 * @param lineText counts from 1; empty for a line that there is not
 */
export function isIgnored({ position: { line }, code }: Warning, lineText: (line: number) => string): boolean {
  const above = lineText(line - 1);
  return names(lineText(line), code) || (/^\s*#/.test(above) && names(above, code));
}

function names(line: string, code: string): boolean {
  return (
    COMMENT.exec(line)?.[1]
      ?.split(/[\s,]+/)
      .includes(code) ?? false
  );
}
