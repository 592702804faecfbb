import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { parse, stringify } from 'yaml';
import { examine } from '../../src/commands/check.ts';
import { spliceDrafts } from '../../src/drafts/splice.ts';
import { readConfig } from '../../src/gateway.ts';
import { readDescription } from '../../src/openapi/description.ts';
import { draftRoutes } from '../../src/openapi/draft-routes.ts';
import { readOperations } from '../../src/openapi/operations.ts';
import { createMatcher } from '../../src/routing/matcher.ts';
import { CONFIG, writeTemporary } from './described.ts';

/** What an operation should need: all of `scopes`, one of `any_scope`; `public` for nothing. */
interface Expected {
  readonly method: string;
  readonly path: string;
  readonly access: { scopes?: readonly string[]; any_scope?: readonly string[]; public?: true };
}

interface Sample {
  readonly description: object;
  readonly expected: readonly Expected[];
}

const COLLECTION = ['get', 'post'];
const ITEM = ['get', 'patch', 'delete'];

/** As large as GitHub's and in its shape: tags, deep templates, literals beside them, scopes by what is done. */
function codeHost(): Sample {
  const roots = ['/user', '/orgs/{org}', '/repos/{owner}/{repo}', '/enterprises/{enterprise}', '/teams/{team_id}'];
  const kinds =
    'actions branches checks deployments events forks hooks issues keys labels milestones packages projects pulls reactions releases rulesets secrets tags topics'.split(
      ' ',
    );
  const paths = roots.flatMap((root) =>
    kinds.flatMap((kind): [string, readonly string[], string][] => [
      [`${root}/${kind}`, COLLECTION, kind],
      [`${root}/${kind}/latest`, ['get'], kind],
      [`${root}/${kind}/{${kind}-id}`, ITEM, kind],
      [`${root}/${kind}/{${kind}-id}/comments`, COLLECTION, kind],
      [`${root}/${kind}/{${kind}-id}/comments/{comment_id}`, ['get'], kind],
    ]),
  );
  return described(paths, (method, kind) => {
    if (kind === 'topics' && method === 'get') return { security: [], access: { public: true } };
    if (method === 'get') return either('repo', `${kind}:read`);
    if (method === 'delete') return all('repo', `${kind}:delete`);
    return all('repo');
  });
}

/** In the shape of Stripe's: flat, form bodies, a key or a bearer token for everything. */
function payments(): Sample {
  const kinds = Array.from({ length: 60 }, (_, index) => `kind_${index}s`);
  const paths = kinds.flatMap((kind): [string, readonly string[], string][] => [
    [`/v1/${kind}`, COLLECTION, kind],
    [`/v1/${kind}/search`, ['get'], kind],
    [`/v1/${kind}/{id}`, ['get', 'post', 'delete'], kind],
    [`/v1/${kind}/{id}/cancel`, ['post'], kind],
    [`/v1/{account}/${kind}/{id}`, ['get'], kind],
  ]);
  return described(paths, () => ({ security: [{ basic: [] }, { bearer: [] }], access: {} }));
}

const all = (...scopes: string[]) => ({ security: [{ oauth: scopes }], access: { scopes } });
const either = (...any_scope: string[]) => ({
  security: any_scope.map((scope) => ({ oauth: [scope] })),
  access: { any_scope },
});

function described(
  paths: readonly [path: string, methods: readonly string[], tag: string][],
  secure: (method: string, tag: string) => { security: object[]; access: Expected['access'] },
): Sample {
  const expected: Expected[] = [];
  const items = paths.map(([path, methods, tag]) => {
    const item = methods.map((method) => {
      const { security, access } = secure(method, tag);
      expected.push({ method: method.toUpperCase(), path, access });
      const form = { content: { 'application/x-www-form-urlencoded': { schema: { type: 'object' } } } };
      const operation = { operationId: `${tag}/${method}${expected.length}`, tags: [tag], security };
      return [method, { ...operation, ...(method === 'post' && { requestBody: form }) }];
    });
    return [path, Object.fromEntries(item)];
  });
  const securitySchemes = {
    oauth: { type: 'oauth2', flows: {} },
    basic: { type: 'http', scheme: 'basic' },
    bearer: { type: 'http', scheme: 'bearer' },
  };
  const description = { openapi: '3.0.3', components: { securitySchemes }, paths: Object.fromEntries(items) };
  return { description, expected };
}

const rows: [name: string, sample: Sample, operations: number][] = [
  ['a code host', codeHost(), 900],
  ['a payment service', payments(), 480],
];

for (const [name, { description, expected }, operations] of rows) {
  describe(`the description of ${name} is imported without loss:`, () => {
    const openapi = writeTemporary('openapi.json', JSON.stringify(description));
    const read = readOperations(readDescription(openapi));
    const { drafts } = draftRoutes(read.operations, { upstream: 'api', unsaid: 'token' });
    const file = join(dirname(openapi), 'gateway.yaml');
    writeFileSync(file, spliceDrafts(file, CONFIG, drafts));
    writeFileSync(join(dirname(openapi), 'users.yaml'), stringify({}), { mode: 0o600 });
    const { routes } = readConfig(file);

    test('each operation is found, with just its scopes', () => {
      const matcher = createMatcher(routes);
      const found = expected.map(({ method, path }) => {
        const { route } = matcher.match(undefined, path.replace(/\{.*?\}/g, 'x7'), method);
        return { method, path, access: { public: route.public, scopes: route.scopes, any_scope: route.any_scope } };
      });
      const wanted = expected.map(({ access, ...operation }) => ({
        ...operation,
        access: { public: false, scopes: [], any_scope: [], ...access },
      }));
      assert.equal(found.length, operations);
      assert.deepEqual(found, wanted);
    });

    test('no route is there without one', () => {
      const patterns = new Set(expected.map(({ path }) => path.replace(/\{.*?\}/g, '{}')));
      assert.deepEqual(
        routes.map(({ path }) => path.replace(/\{.*?\}/g, '{}')).filter((path) => !patterns.has(path)),
        [],
      );
    });

    test('check finds nothing to say against it', async () => {
      const codes = (await examine(file, { against: openapi })).problems.map(({ code }) => code);
      assert.deepEqual(
        codes.filter((code) => code?.includes('operation') || code?.includes('route')),
        ['scope-of-no-route'],
      );
    });

    test('and it is written as it is read', () => {
      assert.equal(parse(readFileSync(file, 'utf8')).routes.length, routes.length);
    });
  });
}
