import type { Segment } from './pattern.ts';

/** What a path led to, with the segments that `{name}`s stood for, in their order, and what `/**` stood for. */
export interface Found<Value> {
  readonly value: Value;
  readonly parameters: readonly string[];
  /** Where the `/**` begins in the path; the path's length when there is none. */
  readonly tailAt: number;
}

/**
 * Values by path, segment by segment: a literal before a `{name}` before a `/**`, going back where one leads nowhere.
 * A look-up walks the path, not the routes; a path deeper than the routes costs nothing more.
 */
export class Trie<Value> {
  readonly #root = new Node<Value>();

  /** The value at this place, made if there is none yet. Names of parameters do not tell places apart. */
  at(segments: readonly Segment[], tail: boolean, make: () => Value): Value {
    const node = segments.reduce((node, segment) => node.child(segment), this.#root);
    if (tail) node.tail ??= make();
    else node.here ??= make();
    return (tail ? node.tail : node.here) as Value;
  }

  /** @param path begins with a slash */
  find(path: string): Found<Value> | undefined {
    return walk(this.#root, path, 0, [], theFirst);
  }

  /** All values whose place the path fits, in the order in which they are looked at. */
  findAll(path: string): readonly Found<Value>[] {
    const all: Found<Value>[] = [];
    walk(this.#root, path, 0, [], (found) => all.push(found) < 0);
    return all;
  }

  /** All values, in the order in which they are looked at. */
  values(): Iterable<Value> {
    return valuesBelow(this.#root);
  }
}

class Node<Value> {
  /** Most nodes have none, and an empty Map is large. */
  literals: Map<string, Node<Value>> | undefined;
  parameter: Node<Value> | undefined;
  here: Value | undefined;
  tail: Value | undefined;

  child(segment: Segment): Node<Value> {
    if (segment.kind === 'parameter') {
      this.parameter ??= new Node();
      return this.parameter;
    }
    this.literals ??= new Map();
    const child = this.literals.get(segment.text) ?? new Node<Value>();
    this.literals.set(segment.text, child);
    return child;
  }
}

function* valuesBelow<Value>(node: Node<Value>): Iterable<Value> {
  if (node.here !== undefined) yield node.here;
  for (const child of node.literals?.values() ?? []) yield* valuesBelow(child);
  if (node.parameter) yield* valuesBelow(node.parameter);
  if (node.tail !== undefined) yield node.tail;
}

/** Whether to stop here, or to look on as if this one did not fit. */
type Accept<Value> = (found: Found<Value>) => boolean;

const theFirst = () => true;

/** @param from where the slash before the next segment is, or the path's length when there is none left */
function walk<Value>(
  node: Node<Value>,
  path: string,
  from: number,
  parameters: string[],
  accept: Accept<Value>,
): Found<Value> | undefined {
  if (from === path.length && node.here !== undefined) {
    const found = { value: node.here, parameters, tailAt: from };
    if (accept(found)) return found;
  }
  const deeper = from < path.length ? descend(node, path, from, parameters, accept) : undefined;
  if (deeper !== undefined || node.tail === undefined) return deeper;
  const found = { value: node.tail, parameters, tailAt: from };
  return accept(found) ? found : undefined;
}

function descend<Value>(
  node: Node<Value>,
  path: string,
  from: number,
  parameters: string[],
  accept: Accept<Value>,
): Found<Value> | undefined {
  const slash = path.indexOf('/', from + 1);
  const end = slash < 0 ? path.length : slash;
  const segment = path.slice(from + 1, end);
  const literal = node.literals?.get(segment);
  const found = literal && walk(literal, path, end, parameters, accept);
  if (found || !node.parameter || segment === '') return found;
  return walk(node.parameter, path, end, [...parameters, segment], accept);
}
