import { formatProblem, inOrder, type Warning } from '../config/problem.ts';
import type { Draft } from '../drafts/draft.ts';
import { formatDrafts } from '../drafts/format.ts';
import { addDrafts } from './add-drafts.ts';

export interface Destination {
  readonly upstream: string;
  /** A configuration. */
  readonly into?: string;
}

/**
 * Adds routes to a configuration, or prints them on standard output; and on standard error what to know of them.
 *
 * @throws ConfigError, BadUsage
 */
export function writeDrafts(
  drafts: readonly Draft[],
  notes: readonly Warning[],
  { into, upstream }: Destination,
): void {
  if (into === undefined) {
    printNotes(notes);
    process.stdout.write(
      drafts.length > 0 ? `routes:\n${formatDrafts(drafts).replaceAll(/^(?=.)/gm, '  ')}` : 'routes: []\n',
    );
    return;
  }
  const { added, notes: left } = addDrafts(drafts, into, upstream);
  printNotes([...notes, ...left]);
  process.stdout.write(`${into}: ${added.length} of ${drafts.length} routes added\n`);
}

function printNotes(notes: readonly Warning[]): void {
  const lines = inOrder(notes).map((note) => `${formatProblem(note)}\n`);
  process.stderr.write(lines.join(''));
}
