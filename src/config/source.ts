import {
  type Alias,
  type Document,
  isAlias,
  isCollection,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  visit,
  type YAMLMap,
} from 'yaml';
import type { GatewayFile, Locate, Path } from './check.ts';
import { isIgnored, unknownCodes } from './ignore.ts';
import { positionOf } from './position.ts';
import { ConfigError, isWarning, type Problem, warning } from './problem.ts';
import type { Position } from './schema.ts';
import { printable } from './section.ts';
import { syntaxProblems } from './syntax-problems.ts';

/** Mappings and lists inside of each other; the schema needs six, `claims` may nest. */
const MAX_DEPTH = 32;
/** How often anchors may be used, counting what an alias inside of an anchor multiplies. */
const MAX_ALIASES = 10_000;

/** A YAML document that knows where each of its values stands. */
export class Source {
  /** As it was given, or relative to the working directory. */
  readonly file: string;
  readonly #text: string;
  readonly #lines = new LineCounter();
  readonly #document: Document.Parsed;
  readonly #targets = new Map<Alias, Node>();
  /** Whose text had variables in it. */
  readonly #replaced = new Set<unknown>();

  /** @throws ConfigError with all syntax errors that do not come of another one. */
  constructor(file: string, text: string) {
    this.file = file;
    this.#text = text;
    this.#document = parseDocument(text, {
      lineCounter: this.#lines,
      prettyErrors: false,
      // A %YAML 1.1 directive must not turn `no` into false, nor a date into anything but text.
      schema: 'core',
      resolveKnownTags: false,
      // 1 and "1" are the same key once they name a property.
      uniqueKeys: (a, b) => isScalar(a) && isScalar(b) && String(a.value) === String(b.value),
    });
    keepSpelling(this.#document);
    const problems = [...this.#syntaxProblems(), ...this.#structureProblems()];
    if (problems.length > 0) throw new ConfigError(problems);
  }

  /** The whole document as plain data: mappings, lists, texts, finite numbers, booleans, null. @throws ConfigError */
  toData(): unknown {
    try {
      return this.#document.toJS({ maxAliasCount: MAX_ALIASES });
    } catch (error) {
      // Unresolved aliases, the other thing that it throws a ReferenceError for, are refused above.
      if (!(error instanceof ReferenceError)) throw error;
      throw new ConfigError([{ position: this.#at(0), message: 'aliases (*name) multiply beyond all measure' }]);
    }
  }

  /** Replaces each text that is a value, never a key. Problems are placed where the text begins. */
  replaceTexts(replace: (text: string) => { text: string; problems: readonly string[] }): Problem[] {
    const found: Problem[] = [];
    visit(this.#document, {
      Scalar: (key, scalar) => {
        if (key === 'key' || typeof scalar.value !== 'string') return;
        const { text, problems } = replace(scalar.value);
        if (text !== scalar.value) this.#replaced.add(scalar);
        scalar.value = text;
        found.push(...problems.map((message) => ({ position: this.#atNode(scalar), message })));
      },
    });
    return found;
  }

  has(path: Path): boolean {
    return this.#find(path).length === path.length;
  }

  readonly isLiteral: GatewayFile['isLiteral'] = (path) => {
    const value = this.#find(path)[path.length - 1]?.value;
    return value !== undefined && !this.#replaced.has(isAlias(value) ? this.#targets.get(value) : value);
  };

  readonly locate: Locate = (path, part = 'value') => {
    const steps = this.#find(path);
    const last = steps.at(-1);
    // A mapping that lacks the rest of the path is best found by its own key.
    const node = part === 'key' || steps.length < path.length ? (last?.key ?? last?.value) : (last?.value ?? last?.key);
    return node ? this.#atNode(node) : this.#at(0);
  };

  /** The steps of `path` that exist: each with its value, and with its key if it is in a mapping. */
  #find(path: Path): Step[] {
    const steps: Step[] = [];
    let node: unknown = this.#document.contents;
    for (const name of path) {
      const step = stepInto(isAlias(node) ? this.#targets.get(node) : node, name);
      if (!step) break;
      steps.push(step);
      node = step.value;
    }
    return steps;
  }

  /** Whether a comment silences it. */
  ignores(problem: Problem): boolean {
    if (problem.position.file !== this.file) return false;
    return isWarning(problem) && isIgnored(problem, (line) => this.#lineText(line));
  }

  /** Comments that silence a warning that there is not. */
  unknownCodes(): Problem[] {
    return [...unknownCodes(this.#text)].map(({ offset, message }) =>
      warning('unknown-code', this.#at(offset), message),
    );
  }

  /** Values that look like a variable, and stand for themselves. */
  unbracedVariables(): Problem[] {
    const found: Problem[] = [];
    visit(this.#document, {
      Scalar: (key, scalar) => {
        if (key === 'key' || this.#replaced.has(scalar) || !/^\$[A-Za-z_]\w*$/.test(String(scalar.value))) return;
        const message = `without braces this is no variable, and stands for itself; one is written \${NAME}`;
        found.push(warning('unbraced-variable', this.#atNode(scalar), message));
      },
    });
    return found;
  }

  /** The first of each line. */
  #syntaxProblems(): Problem[] {
    const problems = syntaxProblems(this.#document, this.#text).map(({ offset, message }) => ({
      position: this.#at(offset),
      message,
    }));
    return [...new Map(problems.reverse().map((problem) => [problem.position.line, problem])).values()];
  }

  /** What YAML allows, but plain data does not. */
  #structureProblems(): Problem[] {
    const problems: Problem[] = [];
    const refuse = (node: Node, message: string) => problems.push({ position: this.#atNode(node), message });
    const anchors = new Map<string, Node>();
    visit(this.#document, {
      Alias: (_, alias, ancestors) => {
        const target = anchors.get(alias.source);
        if (target) this.#targets.set(alias, target);
        if (!target) refuse(alias, `unknown anchor \`${printable(alias.source)}\``);
        else if (ancestors.includes(target)) refuse(alias, 'an alias inside of its own anchor never ends');
      },
      Pair: (_, { key }) => {
        if (isNode(key) && !isUsableKey(key)) refuse(key, 'expected a key that is plain text');
      },
      Node: (_, node, ancestors) => {
        if (node.anchor) anchors.set(node.anchor, node);
        if (isMap(node) && isPlaceholder(node)) {
          refuse(node, `without quotes around it, \`{${node.items[0]?.key}}\` is a mapping`);
        }
        if (isScalar(node) && typeof node.value === 'number' && !isExact(node.value)) {
          refuse(node, 'this number cannot be kept exactly; put it in quotes to keep it as text');
        }
        if (!isCollection(node) || ancestors.filter(isCollection).length < MAX_DEPTH) return undefined;
        refuse(node, 'this nests too deeply');
        return visit.SKIP;
      },
    });
    return problems;
  }

  #lineText(line: number): string {
    const { lineStarts } = this.#lines;
    return this.#text.slice(lineStarts[line - 1], lineStarts[line]);
  }

  #atNode(node: Node): Position {
    return this.#at(node.range?.[0] ?? 0);
  }

  #at(offset: number): Position {
    return positionOf(this.file, this.#lines, offset);
  }
}

interface Step {
  readonly key?: Node;
  readonly value?: Node;
}

function stepInto(node: unknown, name: string | number): Step | undefined {
  if (isSeq(node)) return toStep(undefined, node.items[Number(name)]);
  if (!isMap(node)) return undefined;
  const pair: Pair | undefined = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(name));
  return toStep(pair?.key, pair?.value);
}

function toStep(key: unknown, value: unknown): Step | undefined {
  const step = { ...(isNode(key) && { key }), ...(isNode(value) && { value }) };
  return step.key || step.value ? step : undefined;
}

function isUsableKey(key: Node): boolean {
  return isScalar(key) && key.value !== null && key.value !== '' && key.value !== '__proto__';
}

/** `{user.cn}` as YAML reads it: a mapping from user.cn to nothing. */
function isPlaceholder({ flow, items }: YAMLMap): boolean {
  const [pair] = items;
  return (
    flow === true && items.length === 1 && pair?.value === null && /^(user|token)\.[\w.-]+$/.test(String(pair.key))
  );
}

function isExact(number: number): boolean {
  return Number.isFinite(number) && (!Number.isInteger(number) || Number.isSafeInteger(number));
}

/** A key is a name: `0123` and `1e3` are not the numbers 123 and 1000. */
function keepSpelling(document: Document.Parsed): void {
  visit(document, {
    Scalar: (part, scalar) => {
      if (part === 'key' && typeof scalar.value === 'number') scalar.value = scalar.source ?? String(scalar.value);
    },
  });
}
