import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Which cores measure and which are measured, as taskset takes them; undefined where nothing can be pinned. */
export interface Cores {
  /** One core: for what is measured. */
  readonly gateway: string | undefined;
  /** All others: for the load, the upstream, the store and this program. */
  readonly load: string | undefined;
  /** Both. */
  readonly all: string | undefined;
  readonly loadCount: number;
  readonly sentence: string;
}

export function divideCores(): Cores {
  const cores = allowedCores();
  const [gateway, ...load] = [...cores].reverse();
  if (gateway === undefined || load.length === 0 || spawnSync('taskset', ['--version']).error) {
    const sentence =
      'Nothing was pinned: there is one core, or no taskset. The figures of CPU hold, the others hardly.';
    return { gateway: undefined, load: undefined, all: undefined, loadCount: 1, sentence };
  }
  const sentence = `The gateway ran on core ${gateway} alone; load, upstream and store on core ${load.reverse().join(', ')}.`;
  return { gateway: String(gateway), load: load.join(), all: cores.join(), loadCount: load.length, sentence };
}

/** This process, with the threads that it has. */
export function moveTo(cores: string | undefined): void {
  if (cores === undefined) return;
  const { status, stderr } = spawnSync('taskset', ['-acp', cores, String(process.pid)], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`taskset: ${stderr}`);
}

function allowedCores(): readonly number[] {
  const list = /^Cpus_allowed_list:\s+(.*)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  return list.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}
