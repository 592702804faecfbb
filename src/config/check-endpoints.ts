import type { Check } from './check.ts';

/** RFC 8414 §3 and OpenID Connect Discovery §4: settled places, before or after the issuer's path. */
const DISCOVERY = /\/\.well-known\/(oauth-authorization-server|openid-configuration)(\/|$)/;

export const checkEndpoints: Check = function* ({ endpoints, routes = [] }, locate) {
  const owners = new Map<string, string>();
  const { cors_origins: _, ...paths } = endpoints ?? { cors_origins: [] };
  for (const [name, path] of Object.entries(paths)) {
    const position = locate(['endpoints', name]);
    const owner = owners.get(path);
    if (owner) yield { position, message: `\`${owner}\` and \`${name}\` need a path each` };
    if (DISCOVERY.test(path)) yield { position, message: 'the discovery document is served at this path' };
    owners.set(path, name);
  }
  for (const [index, { path }] of routes.entries()) {
    const owner = owners.get(path);
    if (owner === undefined) continue;
    yield {
      position: locate(['routes', index, 'path']),
      message: `the gateway serves \`${owner}\` itself at this path`,
    };
  }
};
