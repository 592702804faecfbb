import { stat } from 'node:fs/promises';

/** Differs when the file does; ctime sees one that was put in place with its old times. A file that is gone is a version too. */
export async function versionOf(path: string): Promise<string> {
  try {
    const { ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
    return [ino, size, mtimeNs, ctimeNs].join(' ');
  } catch (error) {
    return String(error);
  }
}
