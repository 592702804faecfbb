import type { Problem } from './problem.ts';
import type { Config, Position } from './schema.ts';

/** A way into gateway.yaml: `['routes', 0, 'path']`. */
export type Path = readonly (string | number)[];

/**
 * Where a value of the file begins, or its key. What is not in the file (a default) is located by the nearest mapping
 * around it that is.
 */
export type Locate = (path: Path, part?: 'value' | 'key') => Position;

export type Sections = Omit<Config, 'file' | 'directory' | 'files' | 'warnings'>;

/** What a check may have to know of gateway.yaml besides what it says. */
export interface GatewayFile {
  /** As it was given. */
  readonly file: string;
  /** Absolute: paths in the file are relative to it. */
  readonly directory: string;
  /** A path in it, named as the file itself was: relative where that was. */
  beside(path: string): string;
  /** Whether a value stands in the file itself, and not in a variable. */
  isLiteral(path: Path): boolean;
}

/**
 * What a schema cannot say: rules between values. Runs on the sections that are sound in themselves and must leave the
 * others alone; may be a generator. What it yields is an error, unless it is a `Warning`.
 */
export type Check = (sections: Partial<Sections>, locate: Locate, file: GatewayFile) => Iterable<Problem>;
