import { type AdminRoute, text } from './admin-listener.ts';
import type { Metrics } from './metrics.ts';

interface Gauges {
  readonly metrics: Metrics;
  /** Whether this gateway takes requests; false while it starts and while it drains. */
  isReady(): Promise<boolean>;
  /** What is wrong with the configuration that was last read, where an earlier one is in use; a line each. */
  problems(): readonly string[];
  /** Refreshes the gauges that are read and not counted. */
  beforeMetrics(): Promise<void>;
}

/** Health and metrics. */
export function createHealthRoutes({ metrics, isReady, problems, beforeMetrics }: Gauges): readonly AdminRoute[] {
  const { registry } = metrics;
  return [
    { method: 'GET', path: '/healthz', isOpen: true, answer: () => text(200, 'ok') },
    {
      method: 'GET',
      path: '/readyz',
      isOpen: true,
      answer: async () => {
        const refused = problems().length > 0 ? ['the configuration was not reloaded:', ...problems()] : [];
        const ready = await isReady();
        return text(ready ? 200 : 503, [ready ? 'ready' : 'not ready', ...refused].join('\n'));
      },
    },
    {
      method: 'GET',
      path: '/metrics',
      async answer() {
        await beforeMetrics();
        return { status: 200, type: registry.contentType, body: await registry.metrics() };
      },
    },
  ];
}
