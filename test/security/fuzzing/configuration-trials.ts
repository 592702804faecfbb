import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { examine } from '../../../src/commands/check.ts';
import { formats } from '../../../src/commands/problem-formats.ts';
import { isWarning, type Problem } from '../../../src/config/problem.ts';
import type { Config } from '../../../src/config/schema.ts';
import { createGateway, readConfig } from '../../../src/gateway.ts';
import { createLog } from '../../../src/observe/log.ts';
import type { Lifetime } from '../../support/gateway.ts';
import { mutated } from './configuration-mutations.ts';
import { Finding } from './finding.ts';
import { Random } from './random.ts';

const GOLDEN = 'test/config/golden';
/** Far more than any file takes; a mutated one is a few hundred lines. */
const LONGEST_MS = 2000;
/** The formats that read the file again, or escape what they print. */
const FORMATS = ['text', 'json', 'sarif', 'github'] as const;

/** Reads broken configurations as `check` does, and makes gateways of those that are not. */
export class ConfigurationTrials {
  readonly #file: string;
  readonly #sample = readFileSync('gateway.yaml', 'utf8');
  readonly #texts: readonly string[];

  constructor(lifetime: Lifetime) {
    const folder = mkdtempSync(join(tmpdir(), 'postern-fuzzing-'));
    lifetime.after(() => rmSync(folder, { recursive: true }));
    cpSync('users.yaml', join(folder, 'users.yaml'));
    this.#file = join(folder, 'gateway.yaml');
    const golden = readdirSync(GOLDEN).filter((name) => name.endsWith('.yaml'));
    this.#texts = golden.map((name) => readFileSync(join(GOLDEN, name), 'utf8'));
  }

  textOf(seed: number, index: number): string {
    return mutated(new Random(seed, index), this.#sample, this.#texts);
  }

  /** As many as `goesOn` says. @throws Finding */
  async runAll(seed: number, goesOn: (read: number) => boolean): Promise<{ read: number; usable: number }> {
    let [read, usable] = [0, 0];
    for (; goesOn(read); read += 1) {
      const text = this.textOf(seed, read);
      const isUsable = await this.run(text).catch((cause) => {
        throw new Finding('configuration', read, text, cause);
      });
      if (isUsable) usable += 1;
    }
    return { read, usable };
  }

  /** @returns whether a gateway can be made of it. @throws Error with what was wrong */
  async run(text: string): Promise<boolean> {
    writeFileSync(this.#file, text, { mode: 0o600 });
    const startedAt = performance.now();
    const { problems } = await examine(this.#file);
    for (const format of FORMATS) {
      const { stdout, stderr } = formats[format]([{ file: this.#file, problems }]);
      if (/\n {4}at .*:\d+:\d+/.test(stdout + stderr)) throw new Error(`a stack trace: ${stdout}${stderr}`);
    }
    const durationMs = performance.now() - startedAt;
    if (durationMs > LONGEST_MS) throw new Error(`it took ${Math.round(durationMs)} ms to check`);
    this.#refuseLost(problems, text);
    if (!problems.every(isWarning)) return false;
    await bringUp(readConfig(this.#file));
    return true;
  }

  /** Every problem is told in one line, at a place that there is. */
  #refuseLost(problems: readonly Problem[], text: string): void {
    const lines = text.split(/\r\n|\r|\n/).length;
    for (const { position, message } of problems) {
      const { file, line, column } = position;
      const isPlace = line >= 1 && column >= 1 && (file !== this.#file || line <= lines + 1);
      if (!isPlace) throw new Error(`${line}:${column} is no place: ${message}`);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
      if (message === '' || /[\x00-\x1f\x7f]|\[object |\bundefined\b/.test(message)) {
        throw new Error(`this is no message: ${JSON.stringify(message)}`);
      }
    }
  }
}

/** Makes a gateway, with keys that are quickly made and kept nowhere, and a store that nobody has to be asked for. */
async function bringUp(config: Config): Promise<void> {
  const { keys_dir: _, ...signing } = config.tokens.signing;
  const { redis: __, ...store } = config.store;
  const tokens = { ...config.tokens, signing: { ...signing, algorithm: 'ES256' as const } };
  const gateway = await createGateway({ ...config, tokens, store }, createLog({ level: 'silent', format: 'json' }));
  await gateway.close();
}
