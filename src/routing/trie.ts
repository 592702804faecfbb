import type { Segment } from './pattern.ts';

/** What a path led to, with the segments that `{name}`s stood for, in their order, and what `/**` stood for. */
export interface Found<Value> {
  /** All that is at the place. */
  readonly values: readonly Value[];
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

  /** Puts it beside what is at this place. Names of parameters do not tell places apart. */
  add(segments: readonly Segment[], tail: boolean, value: Value): void {
    const node = segments.reduce((node, segment) => node.child(segment), this.#root);
    if (tail) node.tail = [...(node.tail ?? []), value];
    else node.here = [...(node.here ?? []), value];
  }

  /** @param path begins with a slash */
  find(path: string): Found<Value> | undefined {
    return new Walk<Value>(path, theFirst).from(this.#root, 0);
  }

  /** All places that the path fits, in the order in which they are looked at. */
  findAll(path: string): readonly (readonly Value[])[] {
    const all: (readonly Value[])[] = [];
    new Walk<Value>(path, (values) => all.push(values) < 0).from(this.#root, 0);
    return all;
  }

  /** In the order in which they are looked at. */
  values(): Iterable<Value> {
    return valuesBelow(this.#root);
  }
}

class Node<Value> {
  /** Most nodes have none, and an empty Map is large. */
  literals: Map<string, Node<Value>> | undefined;
  parameter: Node<Value> | undefined;
  here: readonly Value[] | undefined;
  tail: readonly Value[] | undefined;

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
  yield* node.here ?? [];
  for (const child of node.literals?.values() ?? []) yield* valuesBelow(child);
  if (node.parameter) yield* valuesBelow(node.parameter);
  yield* node.tail ?? [];
}

/** Whether to stop at a place, or to look on as if the path did not fit it. */
type Accept<Value> = (values: readonly Value[]) => boolean;

const theFirst = () => true;

/** One path on its way through the trie. */
class Walk<Value> {
  readonly #path: string;
  readonly #accept: Accept<Value>;
  /** What the `{name}`s stand for, down to where it is. */
  readonly #parameters: string[] = [];

  constructor(path: string, accept: Accept<Value>) {
    this.#path = path;
    this.#accept = accept;
  }

  /** @param at where the slash before the next segment is, or the path's length when there is none left */
  from(node: Node<Value>, at: number): Found<Value> | undefined {
    const found = at < this.#path.length ? this.#deeper(node, at) : this.#found(node.here, at);
    return found ?? this.#found(node.tail, at);
  }

  #deeper({ literals, parameter }: Node<Value>, at: number): Found<Value> | undefined {
    const slash = this.#path.indexOf('/', at + 1);
    const end = slash < 0 ? this.#path.length : slash;
    const segment = this.#path.slice(at + 1, end);
    const literal = literals?.get(segment);
    const found = literal && this.from(literal, end);
    if (found || parameter === undefined || segment === '') return found;
    return this.#through(parameter, segment, end);
  }

  #through(parameter: Node<Value>, segment: string, end: number): Found<Value> | undefined {
    this.#parameters.push(segment);
    const found = this.from(parameter, end);
    if (found === undefined) this.#parameters.pop();
    return found;
  }

  #found(values: readonly Value[] | undefined, tailAt: number): Found<Value> | undefined {
    if (values === undefined || !this.#accept(values)) return undefined;
    return { values, parameters: this.#parameters, tailAt };
  }
}
