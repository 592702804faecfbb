import * as z from 'zod';
import type { GatewayFile, Locate, Path } from './check.ts';
import type { Problem } from './problem.ts';
import { sections } from './schema.ts';
import { printable } from './section.ts';
import type { Source } from './source.ts';

/** Where something of the merged configuration stands: in this file, under this path. */
interface Place {
  readonly source: Source;
  readonly path: Path;
}

type Data = Record<string, unknown>;

/** gateway.yaml and the files that it includes, as if they were one. */
export class MergedSources {
  /** What cannot be merged: what stands in two files, and may only stand in one. */
  readonly problems: Problem[] = [];
  readonly #main: Source;
  readonly #sources: readonly Source[];
  /** Of what does not stand in gateway.yaml itself. */
  readonly #places = new Map<string, Place>();
  readonly #data: unknown;

  constructor([main, ...included]: readonly [Source, ...Source[]]) {
    this.#main = main;
    this.#sources = [main, ...included];
    this.#data = main.toData();
    if (!isMapping(this.#data)) return;
    const merged: Data = {};
    this.#merge(merged, this.#data, main);
    for (const source of included) this.#merge(merged, source.toData(), source);
    this.#data = merged;
  }

  toData(): unknown {
    return this.#data;
  }

  has(path: Path): boolean {
    const place = this.#placeOf(path);
    return place.source.has(place.path);
  }

  readonly locate: Locate = (path, part) => {
    const place = this.#placeOf(path);
    return place.source.locate(place.path, part);
  };

  readonly isLiteral: GatewayFile['isLiteral'] = (path) => {
    const place = this.#placeOf(path);
    return place.source.isLiteral(place.path);
  };

  /** Whether a comment of its own file silences it. */
  ignores(problem: Problem): boolean {
    return this.#sources.some((source) => source.ignores(problem));
  }

  #merge(merged: Data, data: unknown, source: Source): void {
    if (isMapping(data)) {
      for (const [name, value] of Object.entries(data)) this.#mergeSection(merged, name, value, source);
    } else if (data !== null) {
      this.problems.push({ position: source.locate([]), message: 'expected a mapping of sections' });
    }
  }

  #mergeSection(merged: Data, name: string, value: unknown, source: Source): void {
    const schema = Object.hasOwn(sections, name) ? sections[name as keyof typeof sections] : undefined;
    const before = merged[name];
    if (name === 'include') this.#refuseNested(source);
    else if (!Object.hasOwn(merged, name)) merged[name] = this.#take(name, value, source);
    else if (schema instanceof z.ZodArray) merged[name] = this.#append(name, before, value, source);
    else if (schema instanceof z.ZodRecord) merged[name] = this.#join(name, before, value, source);
    else this.#refuseRepeated([name], source);
  }

  #take(name: string, value: unknown, source: Source): unknown {
    if (source !== this.#main) this.#places.set(keyOf([name]), { source, path: [name] });
    return value;
  }

  /** A list goes on in another file. */
  #append(name: string, before: unknown, value: unknown, source: Source): unknown {
    if (!Array.isArray(before) || !Array.isArray(value)) return this.#refuseKind(name, before, value, source);
    for (const index of value.keys()) {
      this.#places.set(keyOf([name, before.length + index]), { source, path: [name, index] });
    }
    return [...before, ...value];
  }

  /** So does a mapping of names, none of which is in two files. */
  #join(name: string, before: unknown, value: unknown, source: Source): unknown {
    if (!isMapping(before) || !isMapping(value)) return this.#refuseKind(name, before, value, source);
    const members = Object.entries(value).filter(([member]) => {
      const path = [name, member];
      const isNew = !Object.hasOwn(before, member);
      if (isNew) this.#places.set(keyOf(path), { source, path });
      else this.#refuseRepeated(path, source);
      return isNew;
    });
    return { ...before, ...Object.fromEntries(members) };
  }

  #refuseKind(name: string, before: unknown, value: unknown, source: Source): unknown {
    const issue = sections[name as keyof typeof sections].safeParse(value).error?.issues[0];
    // Otherwise it is the other one that is of the wrong kind, which the schema tells.
    if (issue?.path.length === 0) this.problems.push({ position: source.locate([name]), message: issue.message });
    return before;
  }

  #refuseRepeated(path: readonly string[], source: Source): void {
    const { file, line, column } = this.locate(path, 'key');
    const message = `repeated key \`${printable(String(path.at(-1)))}\`: it is at ${file}:${line}:${column} already`;
    this.problems.push({ position: source.locate(path, 'key'), message });
  }

  #refuseNested(source: Source): void {
    if (source === this.#main) return;
    const message = 'a file that is included includes no others';
    this.problems.push({ position: source.locate(['include'], 'key'), message });
  }

  #placeOf(path: Path): Place {
    if (this.#places.size === 0) return { source: this.#main, path };
    for (const depth of [2, 1]) {
      const place = this.#places.get(keyOf(path.slice(0, depth)));
      if (place) return { source: place.source, path: [...place.path, ...path.slice(depth)] };
    }
    return { source: this.#main, path };
  }
}

function isMapping(data: unknown): data is Data {
  return typeof data === 'object' && data !== null && !Array.isArray(data);
}

function keyOf(path: Path): string {
  return JSON.stringify(path);
}
