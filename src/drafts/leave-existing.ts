import { type Warning, warning } from '../config/problem.ts';
import type { Config, RouteConfig } from '../config/schema.ts';
import { shapeOf } from '../routing/conflicts.ts';
import { DEFAULT_METHODS } from '../routing/pattern.ts';
import type { Draft } from './draft.ts';

/**
 * Drafts without what a configuration has already: it stays as it is, whatever the draft says.
 *
 * @param file the configuration's
 */
export function leaveExisting(drafts: readonly Draft[], { routes, endpoints }: Config, file: string) {
  const own = new Set<string>([endpoints.token, endpoints.revoke, endpoints.introspect, endpoints.jwks]);
  const existing = routes.map((route) => ({ route, shape: shapeOf(route), methods: route.methods ?? DEFAULT_METHODS }));
  const notes: Warning[] = [];
  const added = drafts.flatMap((draft): Draft[] => {
    if (own.has(draft.path)) {
      const message = `the gateway answers ${draft.path} itself: its draft is left out`;
      notes.push(warning('own-endpoint', { file, line: 1, column: 1 }, message));
      return [];
    }
    const shape = shapeOf(draft);
    const alike = existing.filter((one) => one.shape === shape);
    const methods = draft.methods.filter((method) => {
      const owner = alike.find((one) => one.methods.includes(method));
      if (owner) notes.push(leftOut(draft, method, owner.route));
      return owner === undefined;
    });
    return methods.length > 0 ? [{ ...draft, methods }] : [];
  });
  return { added, notes };
}

function leftOut(draft: Draft, method: string, route: RouteConfig): Warning {
  const differs = draft.review === undefined && accessOf(draft) !== accessOf(route);
  const message = `this has ${method} ${draft.path} already${differs ? ', with other scopes than the draft' : ''}`;
  return warning(differs ? 'other-scopes' : 'existing-route', route.at, message);
}

function accessOf({ public: isPublic, scopes, any_scope }: Pick<RouteConfig, 'public' | 'scopes' | 'any_scope'>) {
  return JSON.stringify([isPublic, [...scopes].sort(), [...any_scope].sort()]);
}
