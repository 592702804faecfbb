import { randomBytes } from 'node:crypto';
import { chmodSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { ConfigError, type Warning } from '../config/problem.ts';
import { readText } from '../config/read-text.ts';
import type { Config } from '../config/schema.ts';
import { suggestion } from '../config/section.ts';
import type { Draft } from '../drafts/draft.ts';
import { leaveExisting } from '../drafts/leave-existing.ts';
import { spliceDrafts } from '../drafts/splice.ts';
import { readConfig } from '../read-config.ts';
import { BadUsage } from './bad-usage.ts';

const MAX_FILE_BYTES = 10 * 1024 ** 2;

export interface Added {
  readonly added: readonly Draft[];
  /** Of what was left out. */
  readonly notes: readonly Warning[];
}

/**
 * Adds routes to a configuration, in one step, and only if it is sound with them.
 *
 * @throws ConfigError, BadUsage
 */
export function addDrafts(drafts: readonly Draft[], file: string, upstream: string): Added {
  const config = readConfig(file);
  refuseUnknownUpstream(config, upstream, file);
  const { added, notes } = leaveExisting(drafts, config, file);
  if (added.length > 0) replaceChecked(file, spliceDrafts(file, readText(file, MAX_FILE_BYTES), added));
  return { added, notes };
}

function refuseUnknownUpstream({ upstreams }: Config, upstream: string, file: string): void {
  if (Object.hasOwn(upstreams, upstream)) return;
  throw new BadUsage(`${file} has no upstream \`${upstream}\`${suggestion(upstream, Object.keys(upstreams))}`);
}

/** A running gateway never sees a half of it, and a symbolic link stays one. */
function replaceChecked(file: string, text: string): void {
  const real = realpathSync(file);
  const { mode } = statSync(real);
  // Where the file itself is, for paths in it are relative to that.
  withCopy(file, text, mode, (copy) => checkCopy(copy, file));
  withCopy(real, text, mode, (copy) => renameSync(copy, real));
}

function withCopy(file: string, text: string, mode: number, act: (copy: string) => void): void {
  const copy = join(dirname(file), `.${basename(file)}.${randomBytes(6).toString('hex')}`);
  try {
    writeFileSync(copy, text, { mode, flag: 'wx' });
    chmodSync(copy, mode); // Whatever the umask is.
    act(copy);
  } finally {
    rmSync(copy, { force: true });
  }
}

/** @throws ConfigError as if it had been read from `file`. */
function checkCopy(copy: string, file: string): void {
  try {
    readConfig(copy);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const problems = error.problems.map((problem) => {
      const { position } = problem;
      return position.file === copy ? { ...problem, position: { ...position, file } } : problem;
    });
    throw new ConfigError(problems);
  }
}
