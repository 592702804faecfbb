import { versionOf } from './file-version.ts';

const LOOK_EVERY_MS = 250;

/**
 * Tells when one of many files changes. They are looked at four times a second and not watched, which sees renames and
 * swapped symbolic links alike. A change is told once all have stood still for one look: a file may be half written, and
 * those that belong together, as certificate and key do, are seldom written at once.
 */
export class FollowedFiles {
  /** By path: the version that was told of, or was there when the file began to be followed. */
  #told: ReadonlyMap<string, string>;
  #seen = '';
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  private constructor(versions: ReadonlyMap<string, string>) {
    this.#told = versions;
  }

  /** Nobody is told of anything before `start`. */
  static async from(paths: Iterable<string>): Promise<FollowedFiles> {
    return new FollowedFiles(await versionsOf(new Set(paths)));
  }

  /** Takes what is there now for told: to be called before it is read. */
  async take(): Promise<void> {
    this.#told = await versionsOf(this.#told.keys());
  }

  /** From now on follows these files and no others; those that are new, from how they are now. */
  async follow(paths: Iterable<string>): Promise<void> {
    const versions = await versionsOf(new Set(paths));
    this.#told = new Map([...versions].map(([path, version]) => [path, this.#told.get(path) ?? version]));
  }

  /** Looks until `close`, which keeps no process alive. The next look comes when `onChange`, which must not throw, is over. */
  start(onChange: () => Promise<void>): void {
    if (this.#closed) return;
    const look = () => void this.#look(onChange).then(() => this.start(onChange));
    this.#timer = setTimeout(look, LOOK_EVERY_MS).unref();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  async #look(onChange: () => Promise<void>): Promise<void> {
    const versions = await versionsOf(this.#told.keys());
    const [before, now] = [this.#seen, fingerprint(versions)];
    this.#seen = now;
    if (this.#closed || now === fingerprint(this.#told) || now !== before) return;
    await onChange();
  }
}

async function versionsOf(paths: Iterable<string>): Promise<ReadonlyMap<string, string>> {
  return new Map(await Promise.all(Array.from(paths, async (path) => [path, await versionOf(path)] as const)));
}

function fingerprint(versions: ReadonlyMap<string, string>): string {
  return JSON.stringify([...versions]);
}
