import { type DestinationStream, type Logger, pino } from 'pino';
import type { LogConfig } from '../config/schema.ts';
import { readableLine } from './readable-line.ts';
import { StdoutLines } from './stdout-lines.ts';

export type Log = Logger;

/** One record a line on stdout: JSON, or text for people, coloured on a terminal. */
export function createLog(config: LogConfig, destination: DestinationStream = stdout(config)): Log {
  return pino(
    {
      level: config.level,
      base: null,
      timestamp,
      formatters: { level: (label) => ({ level: label }) },
      hooks: { streamWrite: visible },
    },
    destination,
  );
}

let writtenMs = 0;
let written = '';

/** As pino's isoTime, written once for all lines of a millisecond. */
function timestamp(): string {
  const nowMs = Date.now();
  if (nowMs !== writtenMs) written = `,"time":"${new Date(nowMs).toISOString()}"`;
  writtenMs = nowMs;
  return written;
}

/**
 * JSON escapes the control characters of ASCII. Those of Unicode it writes as they are: some end a line, some a terminal
 * obeys, and some turn the direction of what it shows. What callers sent may have any of them.
 */
function visible(line: string): string {
  // Nearly all lines are, and this is soon seen.
  if (/^[\n\x20-\x7e]*$/.test(line)) return line;
  return line.replace(/[\x7f-\x9f\p{Cf}\p{Zl}\p{Zp}]/gu, '\ufffd');
}

/** There is one stdout, however many logs write to it. */
let lines: StdoutLines | undefined;

function stdout({ format }: LogConfig): DestinationStream {
  return format === 'pretty' ? readableStdout() : stdoutLines();
}

/** For lines that are written out already. */
export function stdoutLines(): StdoutLines {
  lines ??= new StdoutLines();
  return lines;
}

function readableStdout(): DestinationStream {
  const coloured = process.stdout.isTTY && process.stdout.hasColors();
  return { write: (line) => stdoutLines().write(readableLine(line, coloured)) };
}

/** An error and what caused it, a line: class, code and message, without stacks. What is no error may hold anything, and is left out. */
export function describeCause(cause: unknown): string | undefined {
  if (!(cause instanceof Error)) return undefined;
  const code = 'code' in cause && cause.code !== undefined ? ` ${String(cause.code)}` : '';
  const deeper =
    cause instanceof AggregateError ? cause.errors.map(describeCause).join(', ') : describeCause(cause.cause);
  return `${cause.name}${code}: ${cause.message}${deeper === undefined ? '' : `; ${deeper}`}`;
}
