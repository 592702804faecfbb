import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  type Scalar,
  visit,
} from 'yaml';
import { positionOf } from '../config/position.ts';
import { ConfigError, type Problem } from '../config/problem.ts';
import { readConfiguredFile } from '../config/read-text.ts';
import type { Position } from '../config/schema.ts';
import { printable } from '../config/section.ts';
import { syntaxProblems } from '../config/syntax-problems.ts';

/** The largest public descriptions have 10 MB. */
const MAX_FILE_BYTES = 16 * 1024 ** 2;
/** From one $ref to the next, or from one alias to the next. */
const MAX_HOPS = 10;

/**
 * Reads an OpenAPI description, version 3.0 or 3.1, of YAML or of JSON, which is YAML too.
 *
 * @throws ConfigError for what is none.
 */
export function readDescription(file: string): Value {
  const lines = new LineCounter();
  const text = readConfiguredFile(file, MAX_FILE_BYTES);
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    schema: 'core',
    // They are compared each with each; `Value` tells of those that it walks over.
    uniqueKeys: false,
  });
  const root = new Value(document.contents ?? undefined, new Tree(file, document, lines), 0);
  refuseBroken(document, text, root);
  refuseOtherVersions(root);
  return root;
}

function refuseBroken({ errors, contents }: Document.Parsed, text: string, root: Value): void {
  const found = syntaxProblems({ errors, contents, warnings: [] }, text);
  if (found.length > 0) throw new ConfigError(found.map(({ offset, message }) => root.problem(message, offset)));
}

function refuseOtherVersions(root: Value): void {
  const version = root.at('openapi');
  if (version && /^3\.[01](\.|$)/.test(version.source)) return;
  const swagger = root.at('swagger');
  const message = swagger
    ? 'this is Swagger 2.0: convert it to OpenAPI 3 first'
    : 'expected an OpenAPI description, with `openapi: 3.0.x` or `3.1.x`';
  throw new ConfigError([(swagger ?? version ?? root).problem(message)]);
}

/** The document that values are parts of. */
class Tree {
  readonly document: Document.Parsed;
  readonly #file: string;
  readonly #lines: LineCounter;
  #targets: ReadonlyMap<Alias, Node> | undefined;

  constructor(file: string, document: Document.Parsed, lines: LineCounter) {
    this.#file = file;
    this.document = document;
    this.#lines = lines;
  }

  position(offset: number): Position {
    return positionOf(this.#file, this.#lines, offset);
  }

  /** What an alias stands for: the last anchor of its name before it. */
  target(alias: Alias): Node | undefined {
    this.#targets ??= targetsOf(this.document);
    return this.#targets.get(alias);
  }
}

function targetsOf(document: Document): ReadonlyMap<Alias, Node> {
  const anchors = new Map<string, Node>();
  const targets = new Map<Alias, Node>();
  visit(document, {
    Node: (_, node) => {
      const target = isAlias(node) ? anchors.get(node.source) : undefined;
      if (isAlias(node) && target) targets.set(node, target);
      else if (!isAlias(node) && node.anchor) anchors.set(node.anchor, node);
    },
  });
  return targets;
}

/** A part of a description, which knows where it stands. Aliases and `$ref` are followed where one walks into them. */
export class Value {
  readonly #node: Node | undefined;
  readonly #tree: Tree;
  /** Where it stands, which for what was referred to is where that was. */
  readonly #offset: number;

  constructor(node: Node | undefined, tree: Tree, offset: number) {
    this.#node = node;
    this.#tree = tree;
    this.#offset = offset;
  }

  get position(): Position {
    return this.#tree.position(this.#offset);
  }

  problem(message: string, offset = this.#offset): Problem {
    return { position: this.#tree.position(offset), message };
  }

  /** The text of a scalar as it was written: `3.0` and not 3. */
  get source(): string {
    return isScalar(this.#node) ? (this.#node.source ?? String(this.#node.value)) : '';
  }

  get text(): string | undefined {
    return isScalar(this.#node) && typeof this.#node.value === 'string' ? this.#node.value : undefined;
  }

  at(key: string): Value | undefined {
    if (!isMap(this.#node)) return undefined;
    const pair = this.#node.items.find((item) => nameOf(item.key) === key);
    return pair && this.#child(pair.value, pair.key);
  }

  /** What a mapping has, in its order, each placed at its key. @throws ConfigError where it is no mapping. */
  entries(): readonly (readonly [key: string, value: Value])[] {
    if (!isMap(this.#node)) throw new ConfigError([this.problem('expected a mapping')]);
    const seen = new Set<string>();
    return this.#node.items.map(({ key, value }) => {
      const name = nameOf(key);
      const place = this.#child(value, key, startOf(key));
      if (name === '<<') throw new ConfigError([place.problem('OpenAPI has no merge keys (<<)')]);
      if (seen.has(name)) throw new ConfigError([place.problem(`repeated key \`${printable(name)}\``)]);
      seen.add(name);
      return [name, place];
    });
  }

  /** @throws ConfigError where it is no list. */
  items(): readonly Value[] {
    if (!isSeq(this.#node)) throw new ConfigError([this.problem('expected a list')]);
    return this.#node.items.map((item) => this.#child(item, undefined));
  }

  /** What its `$ref` refers to, or itself. @throws ConfigError for another document, for nothing, for circles. */
  referred(): Value {
    let value: Value = this;
    for (let hops = 0; hops < MAX_HOPS; hops += 1) {
      const reference = value.at('$ref');
      if (reference?.text === undefined) return value;
      value = reference.#pointedAt(reference.text);
    }
    throw new ConfigError([this.problem('`$ref` leads from one to the next without an end')]);
  }

  /** RFC 6901 in a URI fragment. */
  #pointedAt(reference: string): Value {
    if (!reference.startsWith('#')) {
      const message = 'a `$ref` to another document is not followed: bundle the description into one file first';
      throw new ConfigError([this.problem(message)]);
    }
    const root = new Value(this.#tree.document.contents ?? undefined, this.#tree, 0);
    const steps = reference.slice(1).split('/').slice(1).map(unescaped);
    const found = steps.reduce<Value | undefined>((value, step) => value?.at(step), root);
    if (found === undefined) throw new ConfigError([this.problem('this `$ref` refers to nothing')]);
    return found;
  }

  #child(value: unknown, key: unknown, offset = startOf(value) ?? startOf(key) ?? this.#offset): Value {
    let node = value;
    for (let hops = 0; hops < MAX_HOPS && isAlias(node); hops += 1) node = this.#tree.target(node);
    return new Value(isNode(node) && !isAlias(node) ? node : undefined, this.#tree, offset);
  }
}

function startOf(node: unknown): number | undefined {
  return isNode(node) ? node.range?.[0] : undefined;
}

/** `200` is a name as good as `"200"`. */
function nameOf(key: unknown): string {
  return isScalar(key) ? String((key as Scalar).source ?? key.value) : '';
}

/** Escapes that are not UTF-8 name nothing. */
function unescaped(step: string): string {
  try {
    return decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~');
  } catch {
    return step;
  }
}
