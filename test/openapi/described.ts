import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { Config } from '../../src/config/schema.ts';
import { formatDrafts } from '../../src/drafts/format.ts';
import { spliceDrafts } from '../../src/drafts/splice.ts';
import { readConfig } from '../../src/gateway.ts';
import { readDescription } from '../../src/openapi/description.ts';
import { type DraftOptions, draftRoutes } from '../../src/openapi/draft-routes.ts';
import { readOperations } from '../../src/openapi/operations.ts';

/** Schemes of each kind, for descriptions that are about something else. */
const SCHEMES = {
  oauth: { type: 'oauth2', flows: {} },
  oidc: { type: 'openIdConnect', openIdConnectUrl: 'https://login.example.com' },
  bearer: { type: 'http', scheme: 'Bearer' },
  basic: { type: 'http', scheme: 'basic' },
  key: { type: 'apiKey', name: 'X-Key', in: 'header' },
};

export function descriptionOf(paths: object, root: object = {}): string {
  return stringify({ openapi: '3.1.0', components: { securitySchemes: SCHEMES }, ...root, paths });
}

/** @returns the file's name */
export function writeTemporary(name: string, text: string): string {
  const file = join(mkdtempSync(join(tmpdir(), 'postern-openapi-')), name);
  writeFileSync(file, text, { mode: 0o600 });
  return file;
}

/** What `import` makes of a description. */
export function importText(text: string, options: Partial<DraftOptions> = {}) {
  const { operations, notes } = readOperations(readDescription(writeTemporary('openapi.yaml', text)));
  const drafted = draftRoutes(operations, { upstream: 'api', unsaid: 'token', ...options });
  const codes = [...new Set([...notes, ...drafted.notes].map(({ code }) => code))].sort();
  return { operations, drafts: drafted.drafts, yaml: formatDrafts(drafted.drafts), codes };
}

export const CONFIG = `tokens: { issuer: https://apis.example.com, audience: api }
clients:
  - { id: app, auth: none, grants: [password], scopes: [read] }
users:
  staff: { type: file, path: users.yaml }
upstreams:
  api: { targets: ["http://127.0.0.1:9000"] }
`;

/** The configuration that has these routes and no others. */
export function configured(drafts: Parameters<typeof spliceDrafts>[2]): Config {
  const file = writeTemporary('gateway.yaml', CONFIG);
  writeFileSync(file, spliceDrafts(file, readFileSync(file, 'utf8'), drafts));
  return readConfig(file);
}
