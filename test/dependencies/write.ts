import { readFileSync, writeFileSync } from 'node:fs';
import { DOCUMENT, withTable } from './lockfile.ts';

/** `npm run docs:dependencies`: writes the table of docs/dependencies.md anew, after package-lock.json has changed. */
writeFileSync(DOCUMENT, withTable(readFileSync(DOCUMENT, 'utf8')));
