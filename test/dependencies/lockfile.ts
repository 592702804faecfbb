import { readFileSync } from 'node:fs';

export interface LockedPackage {
  readonly name: string;
  readonly version: string;
  readonly license: string | undefined;
  readonly integrity: string | undefined;
  readonly hasInstallScript: boolean;
  /** A prebuilt binary for one system, of the package of that version that has this name without the system's. */
  readonly isPlatform: boolean;
}

interface Entry {
  readonly version: string;
  readonly license?: string;
  readonly integrity?: string;
  readonly hasInstallScript?: boolean;
  readonly dev?: boolean;
  readonly devOptional?: boolean;
  readonly cpu?: readonly string[];
}

/** All that package-lock.json installs in production, in the order of names. */
export function productionPackages(): LockedPackage[] {
  const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as { packages: Record<string, Entry> };
  return Object.entries(packages)
    .filter(([path, { dev, devOptional }]) => path !== '' && !dev && !devOptional)
    .map(([path, entry]) => ({
      name: path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length),
      version: entry.version,
      license: entry.license,
      integrity: entry.integrity,
      hasInstallScript: entry.hasInstallScript ?? false,
      isPlatform: entry.cpu !== undefined,
    }))
    .sort((a, b) => a.name.localeCompare(b.name, 'en') || a.version.localeCompare(b.version, 'en'));
}

export const DOCUMENT = 'docs/dependencies.md';
const HEADING = '| package | version | licence |\n|---|---|---|\n';

/** The document with the table that belongs at its end. */
export function withTable(document: string): string {
  const rows = productionPackages()
    .filter(({ isPlatform }) => !isPlatform)
    .map(({ name, version, license }) => `| ${name} | ${version} | ${license} |\n`);
  return document.slice(0, document.indexOf(HEADING)) + HEADING + [...new Set(rows)].join('');
}
