import { resolve } from 'node:path';
import { readText, Unreadable } from './read-text.ts';
import { printable } from './section.ts';

const MAX_SECRET_BYTES = 64 * 1024;

/** `$${`, which stands for `${`; or `${` and all up to the next `}`, which an unclosed one lacks. */
const VARIABLE = /\$\$\{|\$\{(?<inner>[^}]*)(?<end>\}?)/g;
const ENVIRONMENT = /^(?<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?<fallback>[^{]*))?$/;
const FILE = /^file:(?<path>[^{]+)$/;

export interface Replaced {
  /** As it was where there are problems. */
  readonly text: string;
  readonly problems: readonly string[];
}

/**
 * Replaces `${VAR}`, `${VAR:-default}` (which, as in a shell, also stands in for an empty variable) and `${file:PATH}`,
 * relative to `directory` and without its last newline. What comes in is not read for variables again.
 *
 * @param files is given the absolute path of each file, also of one that cannot be read.
 */
export function replaceVariables(text: string, directory: string, files: Set<string>): Replaced {
  const problems: string[] = [];
  const replaced = text.replace(VARIABLE, (match, inner: string | undefined, end: string | undefined) => {
    if (inner === undefined) return '${';
    const result = end === '}' ? read(inner, directory, files) : { problem: 'a `${` that is not closed' };
    if ('value' in result) return result.value;
    problems.push(result.problem);
    return match;
  });
  return problems.length > 0 ? { text, problems } : { text: replaced, problems };
}

type Reading = { readonly value: string } | { readonly problem: string };

function read(inner: string, directory: string, files: Set<string>): Reading {
  const variable = ENVIRONMENT.exec(inner)?.groups;
  if (variable) return readEnvironment(variable.name as string, variable.fallback);
  const file = FILE.exec(inner)?.groups;
  if (file) return readSecret(file.path as string, directory, files);
  return { problem: `expected \${NAME}, \${NAME:-default} or \${file:PATH}; a literal \${ is written $\${` };
}

function readEnvironment(name: string, fallback: string | undefined): Reading {
  const value = process.env[name];
  if (fallback !== undefined) return { value: value || fallback };
  return value === undefined ? { problem: `the environment variable ${name} is not set` } : { value };
}

function readSecret(path: string, directory: string, files: Set<string>): Reading {
  const file = resolve(directory, path);
  files.add(file);
  try {
    return { value: readText(file, MAX_SECRET_BYTES).replace(/\r?\n$/, '') };
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    return { problem: `cannot read ${printable(path)}: ${error.message}` };
  }
}
