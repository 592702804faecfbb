import { type Document, type Node, visit, type YAMLError } from 'yaml';

/** A mistake in the YAML itself. */
export interface SyntaxProblem {
  /** Where it begins, in UTF-16 units. */
  readonly offset: number;
  readonly message: string;
}

type Parsed = Pick<Document.Parsed, 'errors' | 'warnings' | 'contents'>;

/** In the order of the text, without what the parser stumbles over only because of a mistake before it. */
export function syntaxProblems({ errors, warnings, contents }: Parsed, text: string): SyntaxProblem[] {
  const all = [...errors, ...warnings].sort((a, b) => a.pos[0] - b.pos[0]);
  const exhausted = all.find(({ code }) => code === 'RESOURCE_EXHAUSTION');
  if (exhausted) return [{ offset: exhausted.pos[0], message: 'this nests too deeply' }];
  if (all.length === 0) return [];
  const first = all.findIndex(isMisleading);
  const opened = unclosed(contents, text);
  return all
    .filter((error, index) => first < 0 || index <= first || !isConsequence(error))
    .map((error) => ({ offset: beginning(error, opened), message: syntaxMessage(error, text) }));
}

/** What the parser says of text that is not where it looks for it: a mistake, or what comes of one. */
const MISPLACED = new Set(['BAD_INDENT', 'BLOCK_AS_IMPLICIT_KEY', 'MISSING_CHAR', 'MULTILINE_IMPLICIT_KEY']);

const OPENER = /^Missing closing (["'])|^Flow (sequence|map) in block/;

function isUnclosedQuote({ message }: YAMLError): boolean {
  return OPENER.exec(message)?.[1] !== undefined;
}

function isMisplaced({ code, message }: YAMLError): boolean {
  return MISPLACED.has(code) || message.includes('in YAML stream');
}

/** Whether what follows may be told for its sake alone. */
function isMisleading(error: YAMLError): boolean {
  return isMisplaced(error) || error.code === 'TAB_AS_INDENT';
}

/** A quote that is missing its end is a mistake wherever it is. */
function isConsequence(error: YAMLError): boolean {
  return (isMisplaced(error) && !isUnclosedQuote(error)) || error.code === 'DUPLICATE_KEY';
}

const CLOSERS: Readonly<Record<string, string>> = { '"': '"', "'": "'", '[': ']', '{': '}' };

/** Where what is not closed was opened, by its first character and the place where the parser gives up on it. */
function unclosed(contents: Node | null, text: string): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  visit(contents, {
    Node: (_, { range }) => {
      const [start, end] = range ?? [0, 0];
      const closer = CLOSERS[text[start] ?? ''];
      if (closer !== undefined && text[end - 1] !== closer) found.set(`${text[start]}${end}`, start);
    },
  });
  return found;
}

function beginning({ message, pos: [offset] }: YAMLError, opened: ReadonlyMap<string, number>): number {
  const [said, quote, kind] = OPENER.exec(message) ?? [];
  if (said === undefined) return offset;
  return opened.get(`${quote ?? (kind === 'map' ? '{' : '[')}${offset}`) ?? offset;
}

function syntaxMessage({ code, message, pos: [offset] }: YAMLError, text: string): string {
  const rest = text.slice(offset, offset + 100);
  if (code === 'DUPLICATE_KEY') return `repeated key \`${/^["']?([\w.-]*)/.exec(rest)?.[1]}\``;
  if (code === 'MULTIPLE_DOCS') return 'a second document: the file holds one, without --- lines between';
  if (text.startsWith('${', offset - 1)) return 'inside { } and [ ], a variable needs quotes around it';
  if (/flow-(map|seq)-start at node end/.test(message)) {
    return 'inside { } and [ ], a text with { or [ in it needs quotes around it';
  }
  const explained = EXPLAINED.find(([said]) => said.test(message))?.[1];
  // What follows a colon is quoted from the file, where secrets may stand.
  return `not valid YAML: ${explained ?? message.replace(/: .*/s, '')}`;
}

/** What the parser says in words of its own trade, in those of somebody who edits a file. */
const EXPLAINED: readonly (readonly [said: RegExp, explained: string])[] = [
  [/^Missing closing/, 'this quote has no end'],
  [/^Flow map in block/, 'this { has no }, or what is in it is not indented'],
  [/^Flow sequence in block/, 'this [ has no ], or what is in it is not indented'],
  [/^Nested mappings/, 'a text with `: ` in it needs quotes; or the next line is indented too far'],
  [
    /same column|without - indicator|^A block sequence/,
    'this line is indented unlike those around it; or a list item lacks the blank behind its dash',
  ],
  [/^Implicit (map )?keys/, 'a key needs a colon and a blank behind it'],
  [/^Plain value cannot start/, 'a text that begins with this character needs quotes'],
  [/^Invalid escape/, 'in double quotes, a backslash begins an escape; in single quotes it is itself'],
  [/^Unexpected scalar at node end/, 'this follows a value that has ended already'],
];
