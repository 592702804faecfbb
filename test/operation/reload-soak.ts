import { paint, startLoad, startTwoColours } from './two-colours.ts';

/**
 * Reloads a running gateway under load, as many times as the argument says, and prints its memory now and then. Ends with
 * an error at the first request that is lost, or meets parts of two configurations.
 *
 *     npx tsc -p tsconfig.test.json && node build/test/operation/reload-soak.js 1000
 */
const COUNT = Number(process.argv[2] ?? 1000);
const MEBIBYTE = 1024 ** 2;

const ends: (() => unknown)[] = [];
const colours = await startTwoColours({ after: (end) => ends.push(end) });
const load = startLoad(colours, 16, 0);
for (let reload = 0; reload < COUNT; reload += 1) {
  if (reload % Math.ceil(COUNT / 10) === 0) await report(reload);
  const colour = reload % 2 === 0 ? 'blue' : 'red';
  await colours.turn(colour);
  if ((await paint(colours, colour)) !== colour) throw new Error(`reload ${reload} is not in use`);
}
await load.stop();
await report(COUNT);
for (const end of ends) await end();

async function report(reloads: number): Promise<void> {
  const metrics = await (await fetch(`${colours.gateway.adminUrl}/metrics`)).text();
  const mebibytes = (name: string) =>
    (Number(new RegExp(`^${name} (\\S+)`, 'm').exec(metrics)?.[1]) / MEBIBYTE).toFixed(1);
  const [heap, resident] = ['nodejs_heap_size_used_bytes', 'process_resident_memory_bytes'].map(mebibytes);
  const handles = /^nodejs_active_handles_total (\S+)/m.exec(metrics)?.[1];
  const memory = `heap ${heap} MiB, resident ${resident} MiB, ${handles} handles`;
  process.stdout.write(`${reloads} reloads, ${load.painted} requests: ${memory}\n`);
}
