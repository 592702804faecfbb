import type { Check, Locate } from './check.ts';
import type { Problem } from './problem.ts';
import { SELF } from './route-section.ts';
import type { RouteConfig } from './schema.ts';
import { suggestion } from './section.ts';

/** Whether two routes could both win a request is for the room that matches them to say. */
export const checkRoutes: Check = function* ({ routes = [], upstreams }, locate) {
  for (const [index, route] of routes.entries()) {
    const at: Locate = (path, part) => locate(['routes', index, ...path], part);
    yield* checkNames(route, at);
    yield* checkPublic(route, at);
    yield* checkRewrite(route, at);
    yield* checkPrefix(route, at);
    if (upstreams && !Object.hasOwn(upstreams, route.upstream)) {
      const message = `no upstream has this name${suggestion(route.upstream, Object.keys(upstreams))}`;
      yield { position: at(['upstream']), message };
    }
  }
};

function* checkNames({ path }: RouteConfig, at: Locate): Iterable<Problem> {
  const names = namesIn(path);
  if (new Set(names).size < names.length) {
    yield { position: at(['path']), message: 'each {name} may stand in a path once' };
  }
}

function* checkPublic(route: RouteConfig, at: Locate): Iterable<Problem> {
  if (!route.public) return;
  for (const key of ['scopes', 'any_scope'] as const) {
    if (route[key].length > 0) yield { position: at([key], 'key'), message: 'a public route checks no scopes' };
  }
  const checked = {
    require: Object.keys(route.require).length > 0,
    audience: route.audience !== undefined,
    issuers: route.issuers.some((issuer) => issuer !== SELF),
  };
  for (const [key, isSet] of Object.entries(checked)) {
    if (isSet) yield { position: at([key], 'key'), message: 'a public route looks at no token' };
  }
}

function* checkRewrite({ path, rewrite, strip_prefix }: RouteConfig, at: Locate): Iterable<Problem> {
  if (rewrite === undefined) return;
  if (strip_prefix !== undefined) {
    yield { position: at(['strip_prefix'], 'key'), message: 'a route has `rewrite` or `strip_prefix`, not both' };
  }
  const known = namesIn(path);
  if (namesIn(rewrite).some((name) => !known.includes(name))) {
    yield { position: at(['rewrite']), message: 'each {name} of `rewrite` must be one of `path`' };
  }
  if (rewrite.endsWith('/**') && !path.endsWith('/**')) {
    yield { position: at(['rewrite']), message: 'a /** in `rewrite` needs one in `path`' };
  }
}

function* checkPrefix({ path, strip_prefix }: RouteConfig, at: Locate): Iterable<Problem> {
  if (strip_prefix === undefined || `${literalStart(path)}/`.startsWith(`${strip_prefix}/`)) return;
  const message = '`path` must begin with the whole segments of `strip_prefix`, before any {name}';
  yield { position: at(['strip_prefix']), message };
}

function namesIn(path: string): string[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? '');
}

/** `/a/b` of `/a/b/{id}/c` and of `/a/b/**`. */
function literalStart(path: string): string {
  return path.replace(/\/(\{|\*\*).*$/, '');
}
