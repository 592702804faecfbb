import type { LineCounter } from 'yaml';
import type { Position } from './schema.ts';

/** Where an offset is, in UTF-16 units, as `lines` has counted them while the file was parsed. */
export function positionOf(file: string, lines: LineCounter, offset: number): Position {
  const { line, col } = lines.linePos(offset);
  // An empty file has no first line to the counter.
  return { file, line: Math.max(line, 1), column: Math.max(col, 1) };
}
