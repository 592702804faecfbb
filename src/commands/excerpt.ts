import { readText, Unreadable } from '../config/read-text.ts';
import type { Position } from '../config/schema.ts';

const MAX_FILE_BYTES = 16 * 1024 ** 2;
/** What is shown of a longer line, and how much of that is before the place that is meant. */
const WIDTH = 160;
const BEFORE = 80;

/** Shows the line of a position and a caret below it; nothing where the file cannot be read. Reads each file once. */
export function createExcerpts(): (position: Position) => string {
  const files = new Map<string, readonly string[]>();
  return ({ file, line, column }) => {
    const lines = files.get(file) ?? linesOf(file);
    files.set(file, lines);
    const text = lines[line - 1];
    return text === undefined ? '' : excerpt(text, column);
  };
}

/** @param column counts UTF-16 units from 1, as positions do */
export function excerpt(line: string, column: number): string {
  const shown = withoutSecrets(line.replace(/\r$/, ''));
  const from = column > BEFORE && line.length > WIDTH ? column - BEFORE : 0;
  const before = visible(shown.slice(from, column - 1));
  const after = visible(shown.slice(column - 1, from + WIDTH));
  return `    ${before}${after}`.trimEnd().concat(`\n    ${blank(before)}^\n`);
}

function linesOf(file: string): readonly string[] {
  try {
    return readText(file, MAX_FILE_BYTES).split('\n');
  } catch (error) {
    if (error instanceof Unreadable) return [];
    throw error;
  }
}

/** Keys whose values a terminal or the log of a build should not show. One letter: the private members of a JWK. */
const SECRET =
  /(?<=(?:^|[\s{,"'])(?:\w*secret\w*|token|\w*password\w*|encryption_key|[dkpq]|dp|dq|qi|url)["']?:[ \t]+)(?!["']?\$\{)(?:"[^"]*"?|'[^']*'?|[^\s,}#]+)/g;
const CREDENTIALS = /(?<=:\/\/)[^/@\s"']+(?=@)/g;
/** A user of an htpasswd file. */
const HTPASSWD = /(?<=^[^\s:#"'{]+:)\S.*$/;

/** As long as it was, so that the caret stays where it belongs. */
function withoutSecrets(line: string): string {
  const hide = (secret: string) => '*'.repeat(secret.length);
  return [SECRET, CREDENTIALS, HTPASSWD].reduce((shown, pattern) => shown.replace(pattern, hide), line);
}

/** What cannot be seen, or could move the cursor, but for tabs. */
function visible(text: string): string {
  return text.replace(/[^\P{C}\t\u200d]/gu, '\ufffd');
}

const WIDE =
  /[\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}\p{Emoji_Presentation}\u3000-\u303f\uff01-\uff60]/u;

/** Blanks that take as much room: tabs stay tabs, and what has the width of two letters becomes two. */
function blank(text: string): string {
  const graphemes = Array.from(new Intl.Segmenter().segment(text), ({ segment }) => segment);
  return graphemes.map((one) => (one === '\t' ? one : WIDE.test(one) ? '  ' : ' ')).join('');
}
