import { adviseExposure } from './config/advise-exposure.ts';
import { adviseReadableSecrets } from './config/advise-readable-secrets.ts';
import { adviseScopes } from './config/advise-scopes.ts';
import type { Check } from './config/check.ts';
import { metadataPaths } from './oauth/documents.ts';
import { adviseRoutes } from './routing/advise-routes.ts';

/** What a configuration may say, but hardly anybody wants: warnings, each of which a comment can silence. */
export const advice: readonly Check[] = [
  adviseScopes,
  ...adviseExposure,
  adviseReadableSecrets,
  ({ routes = [], tokens }, locate) => {
    const ownPaths = new Set(tokens ? metadataPaths(tokens.issuer) : []);
    return adviseRoutes(routes, ownPaths, locate);
  },
];
