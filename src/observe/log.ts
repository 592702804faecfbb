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
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );
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
