import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** What a figure was taken on. */
export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly node: string;
  readonly date: string;
  /** Of the last minute, before anything was started: more than 0 is others' work. */
  readonly loadBefore: number;
}

export function describeMachine(): Machine {
  const cpu = readFileSync('/proc/cpuinfo', 'utf8');
  const memoryKiB = Number(/^MemTotal:\s+(\d+)/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1]);
  return {
    processor: /^model name\s*: (.*)$/m.exec(cpu)?.[1] ?? process.arch,
    cores: cpu.match(/^processor\s*:/gm)?.length ?? 1,
    memoryGiB: Math.round(memoryKiB / 1024 ** 2),
    kernel: readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim(),
    node: process.version,
    date: new Date().toISOString().slice(0, 10),
    loadBefore: Number(readFileSync('/proc/loadavg', 'utf8').split(' ')[0]),
  };
}

/** The first line that a program says of its version; undefined when it is not there. */
export function versionOf(command: string, argument: string): string | undefined {
  const { error, stdout, stderr } = spawnSync(command, [argument], { encoding: 'utf8' });
  return error ? undefined : `${stdout}${stderr}`.split('\n')[0];
}
