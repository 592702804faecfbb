import { ConfigError, type Problem, type Warning, warning } from '../config/problem.ts';
import type { Position } from '../config/schema.ts';
import { printable } from '../config/section.ts';
import type { Value } from './description.ts';
import { readSecurity, type Security } from './security.ts';
import { basePathOf } from './servers.ts';

export interface Operation {
  /** In capitals. */
  readonly method: string;
  /** As the API sees it, with the path of its server before it; `{name}`s may stand anywhere in it. */
  readonly path: string;
  /** `operationId` */
  readonly id: string | undefined;
  readonly security: Security;
  readonly at: Position;
}

export interface Operations {
  readonly operations: readonly Operation[];
  /** What could not be understood exactly. */
  readonly notes: readonly Warning[];
}

const METHODS = new Set(['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace']);
const MAX_OPERATIONS = 10_000;

/**
 * All operations of a description's `paths`, in its order. Webhooks are no part of it: those are requests to others.
 *
 * @param basePath instead of that of the servers
 * @throws ConfigError with all that is wrong in it.
 */
export function readOperations(description: Value, basePath?: string): Operations {
  const notes: Warning[] = [];
  const problems: Problem[] = [];
  const operations: Operation[] = [];
  for (const [path, place] of description.at('paths')?.entries() ?? []) {
    if (path.startsWith('x-')) continue;
    try {
      operations.push(...operationsOf(path, place, { description, basePath, tell: (note) => notes.push(note) }));
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      problems.push(...error.problems);
    }
    if (operations.length > MAX_OPERATIONS) throw new ConfigError([place.problem('too many operations')]);
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return { operations, notes };
}

interface Context {
  readonly description: Value;
  readonly basePath: string | undefined;
  readonly tell: (note: Warning) => void;
}

function operationsOf(path: string, place: Value, context: Context): readonly Operation[] {
  const { description, tell } = context;
  if (!path.startsWith('/')) throw new ConfigError([place.problem('expected a path that starts with /')]);
  const item = place.referred();
  const items = item === place ? [item] : [item, place];
  const schemes = description.at('components')?.at('securitySchemes');
  return items.flatMap((described) =>
    described.entries().flatMap(([key, operation]): Operation[] => {
      if (!METHODS.has(key)) return [];
      const base = context.basePath ?? basePathOf([operation, described, description], tell);
      const security = readSecurity(operation.at('security'), description.at('security'), schemes, tell);
      const id = operation.at('operationId')?.text;
      const method = key.toUpperCase();
      if (method === 'TRACE') {
        tell(warning('operation-left-out', operation.position, `no TRACE is ever forwarded: ${printable(path)}`));
        return [];
      }
      return [{ method, path: base + path, id, security, at: operation.position }];
    }),
  );
}
