import { readdirSync } from 'node:fs';
import { constants, getPriority, setPriority } from 'node:os';
import { isMainThread } from 'node:worker_threads';

const LOWEST = constants.priority.PRIORITY_LOW;

/** A third of the event loop's share. With a tenth, the garbage that floods leave is collected too late. */
const LATER = 5;

/**
 * Lets the event loop go before the threads that Node has beside it: they compile, collect garbage, sign and write files.
 * Where all have one core, each would keep it waiting for a time slice of milliseconds, one after the other.
 */
export function putEventLoopFirst(): void {
  onLinux(() => {
    const priority = Math.min(getPriority() + LATER, LOWEST);
    const threads = readdirSync('/proc/self/task').map(Number);
    for (const thread of threads) if (thread !== process.pid) setPriority(thread, priority);
  });
}

/** Lets all others go before the thread that calls this, where cores are few. */
export function putThisThreadLast(): void {
  if (!isMainThread) onLinux(() => setPriority(LOWEST));
}

/** Elsewhere threads have no priorities of their own, and it would be the whole process's. */
function onLinux(setPriorities: () => void): void {
  if (process.platform !== 'linux') return;
  try {
    setPriorities();
  } catch {
    // Sandboxes may forbid it, or show no /proc; then all are as urgent as each other.
  }
}
