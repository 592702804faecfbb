import { type DestinationStream, type Logger, pino } from 'pino';
import { PinoPretty as prettyStream } from 'pino-pretty';
import type { LogConfig } from '../config/schema.ts';

export type Log = Logger;

/** One JSON record a line on stdout, or coloured text for people. Written asynchronously, so that a slow reader does not stop the gateway. */
export function createLog(config: LogConfig, destination: DestinationStream = stdout(config)): Log {
  return pino(
    {
      level: config.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }), log: visible },
    },
    destination,
  );
}

/**
 * JSON escapes the control characters of ASCII. Those of Unicode it writes as they are: some end a line, some a terminal
 * obeys, and some turn the direction of what it shows. What callers sent may have any of them.
 */
function visible(record: Record<string, unknown>): Record<string, unknown> {
  const values = Object.entries(record).map(([name, value]) => [
    name,
    typeof value === 'string' ? value.replace(/[\x7f-\x9f\p{Cf}\p{Zl}\p{Zp}]/gu, '\ufffd') : value,
  ]);
  return Object.fromEntries(values);
}

function stdout({ format }: LogConfig): DestinationStream {
  return format === 'pretty' ? prettyStream({ destination: 1 }) : pino.destination({ dest: 1, sync: false });
}

/** An error and what caused it, a line: class, code and message, without stacks. What is no error may hold anything, and is left out. */
export function describeCause(cause: unknown): string | undefined {
  if (!(cause instanceof Error)) return undefined;
  const code = 'code' in cause && cause.code !== undefined ? ` ${String(cause.code)}` : '';
  const deeper =
    cause instanceof AggregateError ? cause.errors.map(describeCause).join(', ') : describeCause(cause.cause);
  return `${cause.name}${code}: ${cause.message}${deeper === undefined ? '' : `; ${deeper}`}`;
}
