import type { Registry } from 'prom-client';
import { type AdminRoute, text } from './admin-listener.ts';

interface Observed {
  readonly registry: Registry;
  /** A line each, beside its readiness. */
  readonly notes: readonly string[];
  isReady(): Promise<boolean>;
  metrics(): Promise<string>;
}

/**
 * Health and metrics.
 *
 * @param problems what is wrong with the configuration that was last read, where an earlier one is in use; a line each
 */
export function createHealthRoutes(observed: Observed, problems: () => readonly string[]): readonly AdminRoute[] {
  return [
    { method: 'GET', path: '/healthz', isOpen: true, answer: () => text(200, 'ok') },
    {
      method: 'GET',
      path: '/readyz',
      isOpen: true,
      answer: async () => {
        const refused = problems().length > 0 ? ['the configuration was not reloaded:', ...problems()] : [];
        const ready = await observed.isReady();
        return text(ready ? 200 : 503, [ready ? 'ready' : 'not ready', ...observed.notes, ...refused].join('\n'));
      },
    },
    {
      method: 'GET',
      path: '/metrics',
      answer: async () => ({ status: 200, type: observed.registry.contentType, body: await observed.metrics() }),
    },
  ];
}
