import { rmSync } from 'node:fs';
import { build } from 'esbuild';

/**
 * Writes the gateway into a folder, with what it uses of the packages that it needs to start: Node reads some fifty files then
 * instead of 750. What src/ imports as it goes becomes a file of its own, and is still loaded when it is used and no sooner.
 */
export async function bundle(folder: string): Promise<void> {
  rmSync(folder, { recursive: true, force: true });
  await build({
    entryPoints: {
      cli: 'src/cli.ts',
      index: 'src/index.ts',
      // By these names, beside it, the gateway finds what it starts in other processes and threads.
      'worker-process': 'src/workers/worker-process.ts',
      'hash-worker': 'src/users/password-hash/hash-worker.ts',
    },
    // Prebuilt for each system; and drivers of user stores, which few configurations have.
    external: ['@node-rs/*', 'ldapts', 'mysql2', 'pg'],
    outdir: folder,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    // With `node --enable-source-maps`, stacks name src/.
    sourcemap: true,
    sourcesContent: false,
    // Packages that were CommonJS ask for Node's own modules by `require`, which an ES module does not have.
    banner: {
      js: "import { createRequire as requireOf } from 'node:module';\nconst require = requireOf(import.meta.url);",
    },
  });
}
