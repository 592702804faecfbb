import { defaultOf, type JsonSchema } from '../src/config/json-schema.ts';

/** `<!-- about listen -->`, and the paragraph below it. */
const PARAGRAPH = /^(<!-- about ([\w.]+) -->\n)(?:.+\n)*/gm;
/** `<!-- keys of tokens: issuer, signing.* -->`, and the table below it. Without a list: all keys of the section. */
const TABLE = /^(<!-- keys of ([\w.]+)(?:: ([\w.*, ]+))? -->\n)(?:\|.*\n)*/gm;

/** Writes the paragraphs about sections, and the tables of their keys, anew: with what the schema says of them. */
export function withKeys(document: string, schema: JsonSchema): string {
  return document
    .replace(PARAGRAPH, (_, comment: string, path: string) => comment + wrap(find(schema, path.split('.')).description))
    .replace(TABLE, (_, comment: string, path: string, list: string | undefined) => {
      const section = membersOf(find(schema, path.split('.')));
      const names = list?.split(', ') ?? Object.keys(section.properties ?? {});
      return comment + formatTable(names.flatMap((name) => rowsOf(section, name)));
    });
}

/** Lines of at most 120 characters. */
function wrap(text = ''): string {
  return text.replaceAll(/(.{1,120})(?: |$)/g, '$1\n');
}

interface Row {
  readonly key: string;
  readonly default: string;
  readonly meaning: string;
}

/** `signing.*` stands for all keys of `signing`. */
function rowsOf(section: JsonSchema, name: string): Row[] {
  const steps = name.split('.');
  const parent = steps.slice(0, -1);
  const within = membersOf(find(section, parent));
  if (steps.at(-1) === '*') {
    return Object.keys(within.properties ?? {}).flatMap((key) => rowsOf(section, [...parent, key].join('.')));
  }
  const { description = '', ...key } = find(section, steps);
  const needed = parent.length > 0 ? `needed in \`${parent.join('.')}\`` : 'needed';
  const isNeeded = within.required?.includes(String(steps.at(-1)));
  return [{ key: `\`${name}\``, default: isNeeded ? needed : (defaultOf(key) ?? 'none'), meaning: description }];
}

function formatTable(rows: readonly Row[]): string {
  const hasDefaults = rows.some((row) => row.default !== 'none');
  const columns = hasDefaults ? (['key', 'default', 'meaning'] as const) : (['key', 'meaning'] as const);
  const cells = merge(rows).map((row) => columns.map((column) => row[column]));
  const lines = [`| ${columns.join(' | ')} |`, `|${'---|'.repeat(columns.length)}`, ...cells.map(formatRow)];
  return lines.map((line) => `${line}\n`).join('');
}

function formatRow(cells: readonly string[]): string {
  return `|${cells.map((cell) => (cell === '' ? ' ' : ` ${cell} `)).join('|')}|`;
}

/** Neighbours of which the same is said are one row. */
function merge(rows: readonly Row[]): Row[] {
  const merged: Row[] = [];
  for (const row of rows) {
    const last = merged.at(-1);
    if (last?.meaning !== row.meaning) merged.push(row);
    else merged.splice(-1, 1, { ...row, key: `${last.key}, ${row.key}`, default: both(last.default, row.default) });
  }
  return merged;
}

function both(one: string, other: string): string {
  return one === other ? one : `${one}, ${other}`;
}

/** @throws Error for what the schema does not have. */
function find(schema: JsonSchema, path: readonly string[]): JsonSchema {
  return path.reduce((around, name) => {
    const { properties, oneOf } = membersOf(around);
    const found = properties?.[name] ?? oneOf?.find((kind) => kind.properties?.type?.const === name);
    if (!found) throw new Error(`the schema has no ${path.join('.')}`);
    return found;
  }, schema);
}

/** What is in a list, or in a mapping of names; otherwise the schema itself. */
function membersOf({ items, additionalProperties, ...schema }: JsonSchema): JsonSchema {
  return items ?? (schema.properties ? schema : additionalProperties || schema);
}
