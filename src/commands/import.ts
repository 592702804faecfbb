import { readDescription } from '../openapi/description.ts';
import { type DraftOptions, draftRoutes } from '../openapi/draft-routes.ts';
import { readOperations } from '../openapi/operations.ts';
import { type ApiPlace, refuseBadPlace } from './api-place.ts';
import { addDrafts, printDrafts } from './write-drafts.ts';

export type ImportOptions = Omit<DraftOptions, 'unsaid'> &
  ApiPlace & { readonly into?: string; readonly withoutSecurity: DraftOptions['unsaid'] };

/**
 * Writes the routes of an OpenAPI description: to standard output, or into a configuration.
 *
 * @throws ConfigError for a description that cannot be used; then nothing is written.
 */
export function importDescription(file: string, options: ImportOptions): void {
  const { into, upstream, basePath, withoutSecurity } = options;
  refuseBadPlace(options);
  const { operations, notes } = readOperations(readDescription(file), basePath);
  const { drafts, notes: more } = draftRoutes(operations, { ...options, unsaid: withoutSecurity });
  if (into === undefined) printDrafts(drafts, [...notes, ...more]);
  else addDrafts(drafts, [...notes, ...more], into, upstream);
}
