import { type Warning, warning } from '../config/problem.ts';
import { printable } from '../config/section.ts';
import type { Draft, Method } from '../drafts/draft.ts';
import { shapeOf } from '../routing/conflicts.ts';
import { DEFAULT_METHODS } from '../routing/pattern.ts';
import { type Access, accessFor, both, sameAccess } from './access.ts';
import type { Operation } from './operations.ts';
import { samplePath, toRoutePath } from './path.ts';
import type { Tell } from './security.ts';

export interface DraftOptions {
  readonly upstream: string;
  /** Where the gateway has the API; cut off again before a request is forwarded. */
  readonly prefix?: string | undefined;
  readonly host?: string | undefined;
  /** What operations become of which the description does not say who may call them. */
  readonly unsaid: 'public' | 'token';
}

/** The routes for operations, in their order: one for all methods of a path with the same access. */
export function draftRoutes(operations: readonly Operation[], options: DraftOptions) {
  const notes: Warning[] = [];
  const tell: Tell = (note) => notes.push(note);
  const placed = operations.flatMap((operation) => placeOperation(operation, options, tell));
  const open = new Set(placed.filter(({ path }) => path.endsWith('/**')).map(({ place }) => place));
  const routed = new Map<string, Routed>();
  for (const one of placed) addMethod(routed, open.has(one.place) ? opened(one) : one, tell);
  tellUnsaid(operations, options, tell);
  return { drafts: toDrafts([...routed.values()], options), notes };
}

/** An operation, or several that no route can tell apart. */
interface Routed {
  readonly operation: Operation;
  readonly path: string;
  /** The same for paths that could both win a request, a slash at the end aside. */
  readonly place: string;
  readonly access: Access;
  readonly ids: readonly string[];
  /** In what it is not just the operation. */
  readonly remarks: readonly string[];
}

function placeOperation(operation: Operation, { prefix = '', unsaid }: DraftOptions, tell: Tell): Routed[] {
  const { at, security, id } = operation;
  const { path, broadened } = toRoutePath(prefix + operation.path);
  if (samplePath(operation.path) === undefined) {
    tell(warning('operation-left-out', at, `the gateway refuses all requests for ${printable(operation.path)}`));
    return [];
  }
  if (broadened)
    tell(warning('broadened-path', at, `${printable(path)} takes more than this: ${printable(broadened)}`));
  const { access, exact } = accessFor(security, unsaid);
  if (!exact) tell(warning('narrowed-security', at, 'a route cannot say these alternatives: only the first is taken'));
  if (security.kind === 'none')
    tell(warning('public-operation', at, 'its route is public: it needs no token, says `security: []`'));
  const remarks = broadened ? [`${operation.method} ${operation.path}: ${broadened}`] : [];
  return [{ operation, path, place: placeOf(path), access, ids: id === undefined ? [] : [id], remarks }];
}

function placeOf(path: string): string {
  return shapeOf({ path: path.replace(/\/\*\*$/, '') || '/' });
}

/** `/pets` beside `/pets/`, which can only be said as a `/**` that takes both. */
function opened(routed: Routed): Routed {
  return routed.path.endsWith('/**') ? routed : { ...routed, path: `${routed.path.replace(/\/$/, '')}/**` };
}

function addMethod(routed: Map<string, Routed>, added: Routed, tell: Tell): void {
  const key = `${added.operation.method} ${added.place}`;
  const known = routed.get(key);
  if (known === undefined) {
    routed.set(key, added);
    return;
  }
  const access = both(known.access, added.access);
  const ids = [...known.ids, ...added.ids];
  routed.set(key, { ...known, access, ids, remarks: [...known.remarks, ...added.remarks] });
  const needs = sameAccess(known.access, added.access) ? '' : ', which needs the scopes of both';
  const message = `no route tells this from the operation of line ${known.operation.at.line}: they share one${needs}`;
  tell(warning('shared-route', added.operation.at, message));
}

function tellUnsaid(operations: readonly Operation[], { unsaid }: DraftOptions, tell: Tell): void {
  const [first, ...others] = operations.filter(({ security }) => security.kind === 'unsaid');
  if (first === undefined) return;
  const and = others.length === 0 ? '' : `, and of ${others.length} more`;
  const become = unsaid === 'public' ? 'public' : 'for any token';
  tell(warning('no-security', first.at, `nothing is said of who may call this${and}: routes are ${become}`));
}

function toDrafts(routed: readonly Routed[], { upstream, prefix, host }: DraftOptions): readonly Draft[] {
  const groups = new Map<string, Routed[]>();
  for (const one of routed) {
    const key = JSON.stringify([one.place, one.access]);
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  return Array.from(groups.values(), (group) => {
    const [first] = group as [Routed];
    const methods = new Set(group.map(({ operation }) => operation.method));
    return {
      path: first.path,
      ...first.access,
      methods: DEFAULT_METHODS.filter((method): method is Method => methods.has(method)),
      upstream,
      host,
      strip_prefix: prefix,
      comments: commentsOf(group),
    };
  });
}

function commentsOf(group: readonly Routed[]): readonly string[] {
  const ids = group.flatMap((one) => one.ids).join(', ');
  const remarks = group.flatMap((one) => one.remarks);
  return ids === '' ? remarks : [ids, ...remarks];
}
