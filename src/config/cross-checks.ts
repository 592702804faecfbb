import type { Check } from './check.ts';
import { checkClaims } from './check-claims.ts';
import { checkClients } from './check-clients.ts';
import { checkEndpoints } from './check-endpoints.ts';
import { checkIssuers } from './check-issuers.ts';
import { checkListeners } from './check-listeners.ts';
import { checkLoginLimits } from './check-login-limits.ts';
import { checkRoutes } from './check-routes.ts';
import { checkSigning } from './check-signing.ts';
import { checkUpstreams } from './check-upstreams.ts';
import { checkUsers } from './check-users.ts';
import { checkWebUsers } from './check-web-users.ts';

/** What the schema cannot say, a section a check. */
export const crossChecks: readonly Check[] = [
  checkListeners,
  checkSigning,
  checkClaims,
  checkIssuers,
  checkEndpoints,
  checkClients,
  checkUsers,
  checkWebUsers,
  checkLoginLimits,
  checkUpstreams,
  checkRoutes,
];
