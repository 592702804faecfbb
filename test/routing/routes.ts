import { route } from '../../src/config/route-section.ts';
import type { RouteConfig } from '../../src/config/schema.ts';

/** Routes as the loader would give them: in line 1, 2, 3… of gateway.yaml. */
export function routesOf(...raw: (string | Record<string, unknown>)[]): RouteConfig[] {
  return raw.map((entry, index) => {
    const fields = typeof entry === 'string' ? { path: entry } : entry;
    return {
      ...route.parse({ upstream: 'api', ...fields }),
      mode: 'enforce',
      at: { file: 'gateway.yaml', line: index + 1, column: 5 },
    };
  });
}
