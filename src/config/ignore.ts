import { WARNING_CODES, type Warning } from './problem.ts';
import { nearestWord, suggestion } from './section.ts';

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

const COMMENTS = /(?:^|\s)(?<comment>#\s*postern-ignore\b:?)(?<words>(?:[ \t]*[\w-]+[ \t]*,?)*)/gm;

/** Finds comments that silence nothing: without a code, or with one that no warning has. */
export function* unknownCodes(text: string): Iterable<{ offset: number; message: string }> {
  for (const { index, groups, 0: whole } of text.matchAll(COMMENTS)) {
    const { comment = '', words = '' } = groups ?? {};
    const end = index + whole.length;
    if (!comment.endsWith(':') || words.trim() === '') {
      yield { offset: end - words.length - comment.length, message: 'expected `# postern-ignore: code`' };
    }
    for (const { at, code } of misspeltCodes(words)) {
      const message = `no warning has the code \`${code}\`${suggestion(code, WARNING_CODES)}`;
      yield { offset: end - words.length + at, message };
    }
  }
}

/** The first word and those behind commas are codes. Then the reason begins, in which a word may be nearly a code. */
function* misspeltCodes(words: string): Iterable<{ at: number; code: string }> {
  let inReason = false;
  for (const { index: at, 0: code } of words.matchAll(/[\w-]+/g)) {
    if ((WARNING_CODES as readonly string[]).includes(code)) continue;
    const isListed = !inReason && /(^|,)\s*$/.test(words.slice(0, at));
    if (isListed || nearestWord(code, WARNING_CODES)) yield { at, code };
    else inReason = true;
  }
}

function names(line: string, code: string): boolean {
  return (
    COMMENT.exec(line)?.[1]
      ?.split(/[\s,]+/)
      .includes(code) ?? false
  );
}
