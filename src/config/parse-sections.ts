import type * as z from 'zod';
import type { Path, Sections } from './check.ts';
import type { Problem } from './problem.ts';
import { type RouteConfig, sections as schemas } from './schema.ts';
import { nearestWord, unknownKey } from './section.ts';
import type { Source } from './source.ts';

/** One file, or several that are merged. */
type Document = Pick<Source, 'toData' | 'locate' | 'has'>;

const NAMES = Object.keys(schemas) as (keyof typeof schemas)[];

export interface ParsedSections {
  /** Those without a problem of their own. */
  readonly sections: Partial<Sections>;
  readonly problems: readonly Problem[];
}

/** Holds each section against its schema, so that a broken one does not hide what is wrong with the others. */
export function parseSections(source: Document): ParsedSections {
  const data = source.toData();
  if (!isMapping(data)) {
    const message = data === null ? 'the file is empty' : 'expected a mapping of sections';
    return { sections: {}, problems: [{ position: source.locate([]), message }] };
  }
  const sections: Partial<Record<keyof typeof schemas, unknown>> = {};
  const problems = unknownSections(data, source);
  for (const name of NAMES) {
    const parsed = schemas[name].safeParse(data[name]);
    if (parsed.success) sections[name] = parsed.data;
    else if (name in data) problems.push(...sectionProblems(name, parsed.error, source));
    else problems.push(...missingSection(name, data, source));
  }
  return { sections: completeRoutes(sections as Partial<Sections>, source), problems };
}

function isMapping(data: unknown): data is Record<string, unknown> {
  return typeof data === 'object' && data !== null && !Array.isArray(data);
}

function unknownSections(data: Record<string, unknown>, source: Document): Problem[] {
  return Object.keys(data)
    .filter((key) => !Object.hasOwn(schemas, key))
    .map((key) => ({ position: source.locate([key], 'key'), message: unknownKey(key, [...NAMES, 'include']) }));
}

function missingSection(name: string, data: Record<string, unknown>, source: Document): Problem[] {
  const misspelt = Object.keys(data).some((key) => !Object.hasOwn(schemas, key) && nearestWord(key, NAMES) === name);
  return misspelt ? [] : [{ position: source.locate([]), message: `missing section \`${name}\`` }];
}

function sectionProblems(name: string, error: z.ZodError, source: Document): Problem[] {
  const issues = error.issues.map((issue) => ({ ...issue, path: [name, ...(issue.path as Path)] }));
  const unknown = issues.flatMap((issue) => unknownKeys(issue, source));
  const wrong = issues
    .filter((issue) => issue.code !== 'unrecognized_keys')
    .filter((issue) => !isMisspelt(issue.path, unknown))
    .map((issue) => toProblem(issue, source));
  return [...unknown.map(({ problem }) => problem), ...wrong];
}

type Issue = z.core.$ZodIssue & { readonly path: Path };

interface UnknownKey {
  readonly mapping: Path;
  readonly key: string;
  readonly problem: Problem;
}

function unknownKeys(issue: Issue, source: Document): UnknownKey[] {
  if (issue.code !== 'unrecognized_keys') return [];
  const messages = issue.message.split('\n');
  return issue.keys.map((key, index) => ({
    mapping: issue.path,
    key,
    problem: { position: source.locate([...issue.path, key], 'key'), message: messages[index] ?? issue.message },
  }));
}

/** Whether the key at `path` is only missing because a sibling that suggests it is misspelt. */
function isMisspelt(path: Path, unknown: readonly UnknownKey[]): boolean {
  const missing = String(path.at(-1));
  return unknown.some(
    ({ mapping, key, problem }) =>
      mapping.length === path.length - 1 &&
      mapping.every((step, index) => step === path[index]) &&
      nearestWord(key, [missing]) === missing &&
      problem.message === unknownKey(key, [missing]),
  );
}

function toProblem(issue: Issue, source: Document): Problem {
  const position = source.locate(issue.path, issue.code === 'invalid_key' ? 'key' : 'value');
  if (!source.has(issue.path)) return { position, message: `missing key \`${String(issue.path.at(-1))}\`` };
  if (issue.code === 'invalid_key') return { position, message: issue.issues[0]?.message ?? issue.message };
  return { position, message: issue.message };
}

/** What a route takes from around it: its place, the mode of the file, and values that others have too. */
function completeRoutes({ routes, ...others }: Partial<Sections>, source: Document): Partial<Sections> {
  if (!routes) return others;
  const shared = sharing();
  // Not by spreading: V8 would make a hidden class for each of them, and a request read its route slowly.
  const complete = (route: RouteConfig, index: number): RouteConfig =>
    Object.assign(route, {
      scopes: shared(route.scopes),
      any_scope: shared(route.any_scope),
      require: shared(route.require),
      issuers: shared(route.issuers),
      mode: route.mode ?? others.mode ?? 'enforce',
      at: source.locate(['routes', index]),
    });
  return { ...others, routes: routes.map(complete) };
}

/** Equal values as one: of thousands of routes, each request would meet others that nobody has looked at for long. */
function sharing() {
  const known = new Map<string, unknown>();
  return <Value>(value: Value): Value => {
    const key = JSON.stringify(value);
    if (!known.has(key)) known.set(key, value);
    return known.get(key) as Value;
  };
}
