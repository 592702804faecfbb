import { GatewayError, withCause } from '../errors.ts';
import { describeCause } from '../observe/log.ts';
import { putEventLoopFirst } from '../thread-priority.ts';
import { createDuties } from './duties.ts';
import { type Answer, type Duties, type Failure, LOADED, type Question } from './messages.ts';

/**
 * The program of a worker: it does what the process that started it asks, one message a question, and ends with it
 * (node:cluster sees to that).
 */
const duties = createDuties();
putEventLoopFirst();

// They are for that process. A terminal and systemd send them to all of its group.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => {});

process.on('message', (question: Question) => {
  perform(duties, question).then(
    (result) => reply({ id: question.id, result }),
    (error: Error) => reply({ id: question.id, failure: failureOf(error) }),
  );
});
reply({ id: LOADED });

async function perform(duties: Duties, { duty, argument }: Question): Promise<unknown> {
  return (duties[duty] as (argument: unknown) => unknown)(argument);
}

function reply(answer: Answer): void {
  // Nobody is there any more, and this process is about to end.
  if (process.connected) process.send?.(answer);
}

function failureOf(error: Error): Failure {
  if (!(error instanceof GatewayError)) return { message: withCause(error), isOutage: false };
  return { message: describeCause(error.cause) ?? error.message, isOutage: true };
}
