import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, type YAMLSeq } from 'yaml';
import { ConfigError } from '../config/problem.ts';
import type { Draft } from './draft.ts';
import { formatDrafts } from './format.ts';

/**
 * A gateway.yaml with drafts at the end of its `routes`. All that was in it stays as it is, to the byte.
 *
 * @param text of a sound configuration
 * @throws ConfigError where `routes` is no list of lines that begin with a dash.
 */
export function spliceDrafts(file: string, text: string, drafts: readonly Draft[]): string {
  const lines = new LineCounter();
  const { contents } = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const pair = isMap(contents) ? contents.items.find(({ key }) => isScalar(key) && key.value === 'routes') : undefined;
  const routes = pair?.value;
  if (pair === undefined && isMap(contents) && !contents.flow) return append(text, `routes:\n${itemsAt(2, drafts)}`);
  if (isSeq(routes) && !routes.flow && routes.items.length > 0) return addItems(text, routes, drafts);
  if (isSeq(routes) && routes.items.length === 0 && routes.range) {
    const [start, end] = routes.range;
    const without = text.slice(0, start).trimEnd() + text.slice(end);
    return insert(without, nextLine(without, start), itemsAt(2, drafts));
  }
  const { line, col } = lines.linePos((pair?.value as Node | undefined)?.range?.[0] ?? 0);
  const message = 'routes can be added to a list of lines that begin with a dash only';
  throw new ConfigError([{ position: { file, line: Math.max(line, 1), column: Math.max(col, 1) }, message }]);
}

function addItems(text: string, routes: YAMLSeq, drafts: readonly Draft[]): string {
  const dash = routes.range?.[0] ?? 0;
  const indent = dash - (text.lastIndexOf('\n', dash - 1) + 1);
  const end = pastComments(text, nextLine(text, endOf(routes)), indent);
  return insert(text, end, itemsAt(indent, drafts));
}

/** Where the last thing that is written in a node ends; comments behind it are no part of that. */
function endOf(node: unknown): number {
  if (isSeq(node) && !node.flow) return endOf(node.items.at(-1));
  if (isMap(node) && !node.flow) return endOf(node.items.at(-1)?.value ?? node.items.at(-1)?.key);
  return (node as Node | undefined)?.range?.[1] ?? 0;
}

/** Behind the line that the place is in. A block of text ends where the next line begins. */
function nextLine(text: string, offset: number): number {
  if (text[offset - 1] === '\n') return offset;
  const end = text.indexOf('\n', offset);
  return end < 0 ? text.length : end + 1;
}

/** Comments that are further in than the dash belong to the route above them. */
function pastComments(text: string, from: number, indent: number): number {
  const comment = new RegExp(`[ ]{${indent + 1},}#.*(?:\\n|$)`, 'y');
  let end = from;
  for (comment.lastIndex = end; comment.test(text); comment.lastIndex = end) end = comment.lastIndex;
  return end;
}

function append(text: string, added: string): string {
  return insert(text, text.length, text === '' ? added : `\n${added}`);
}

/** In the line ends of the text. */
function insert(text: string, at: number, added: string): string {
  const before = text.slice(0, at);
  const whole = before === '' || before.endsWith('\n') ? added : `\n${added}`;
  return before + (text.includes('\r\n') ? whole.replaceAll('\n', '\r\n') : whole) + text.slice(at);
}

function itemsAt(indent: number, drafts: readonly Draft[]): string {
  return formatDrafts(drafts).replaceAll(/^(?=.)/gm, ' '.repeat(indent));
}
