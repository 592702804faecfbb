import { editorSchema } from '../config/json-schema.ts';

/** Prints what editors complete and check gateway.yaml by: the same as the gateway.schema.json of the package. */
export function printSchema(): void {
  process.stdout.write(`${JSON.stringify(editorSchema(), undefined, 2)}\n`);
}
