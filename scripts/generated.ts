import { readFileSync } from 'node:fs';
import { describeKeys, editorSchema } from '../src/config/json-schema.ts';
import { withKeys } from './key-tables.ts';

/** The files that come from the schema of gateway.yaml, as they should be. */
export function generated(): readonly (readonly [file: string, content: string])[] {
  const keys = describeKeys();
  return [
    ['gateway.schema.json', `${JSON.stringify(editorSchema(), undefined, 2)}\n`],
    ['docs/configuration.md', withKeys(readFileSync('docs/configuration.md', 'utf8'), keys)],
    // What the schema says is read from configuration.md, beside this page.
    ['docs/users.md', withKeys(readFileSync('docs/users.md', 'utf8'), keys).replaceAll('](users.md#', '](#')],
  ];
}
