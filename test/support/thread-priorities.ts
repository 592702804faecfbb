import { readdirSync } from 'node:fs';
import { constants, getPriority } from 'node:os';

const LOWEST = constants.priority.PRIORITY_LOW;

/** How many threads of a process have which priority, and whether the event loop has that of this process. */
export function threadPriorities(pid: number) {
  const threads = readdirSync(`/proc/${pid}/task`).map((thread) => getPriority(Number(thread)));
  const ofEventLoop = getPriority(pid);
  return {
    eventLoopIsFirst: ofEventLoop === getPriority(),
    later: threads.filter((its) => its > ofEventLoop && its < LOWEST).length,
    last: threads.filter((its) => its === LOWEST).length,
  };
}
