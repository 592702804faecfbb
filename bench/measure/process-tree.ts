import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** What processes and all their descendants have used so far, and hold now. */
export interface Usage {
  readonly cpuMicroseconds: number;
  readonly rssBytes: number;
}

const TICK_MICROSECONDS = 1e6 / systemValue('CLK_TCK');
const PAGE_BYTES = systemValue('PAGESIZE');

function systemValue(name: string): number {
  return Number(execFileSync('getconf', [name], { encoding: 'utf8' }));
}

/** From /proc/PID/stat: utime and stime of every process of the trees, and of their children that have ended. */
export function usageOf(roots: readonly number[]): Usage {
  const processes = readProcesses();
  const tree = new Set(roots);
  // A child may come before its parent: again, until there is none left.
  for (let size = 0; size < tree.size; ) {
    size = tree.size;
    for (const { pid, parent } of processes) if (tree.has(parent)) tree.add(pid);
  }
  const members = processes.filter(({ pid }) => tree.has(pid));
  return {
    cpuMicroseconds: sum(members.map(({ ticks }) => ticks)) * TICK_MICROSECONDS,
    rssBytes: sum(members.map(({ pages }) => pages)) * PAGE_BYTES,
  };
}

/** CPU of a process's first thread so far: of a Node process, the one with the event loop. Counted in nanoseconds. */
export function mainThreadMilliseconds(pid: number): number {
  const [nanoseconds] = readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').split(' ');
  return Number(nanoseconds) / 1e6;
}

interface ProcessStat {
  readonly pid: number;
  readonly parent: number;
  readonly ticks: number;
  readonly pages: number;
}

function readProcesses(): readonly ProcessStat[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.flatMap((pid) => readStat(Number(pid)) ?? []);
}

/** Undefined when it has ended meanwhile. See proc(5); the name, in brackets, may have blanks in it. */
function readStat(pid: number): ProcessStat | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    const [parent = 0, pages = 0] = [fields[1], fields[21]];
    return { pid, parent, ticks: sum(fields.slice(11, 15)), pages };
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
