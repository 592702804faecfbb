import { type AdminRoute, text } from './admin-listener.ts';
import type { Metrics } from './metrics.ts';

interface Gauges {
  readonly metrics: Metrics;
  /** Whether this gateway takes requests; false while it starts and while it drains. */
  isReady(): Promise<boolean>;
  /** Refreshes the gauges that are read and not counted. */
  beforeMetrics(): Promise<void>;
}

/** Health and metrics. */
export function createHealthRoutes({ metrics, isReady, beforeMetrics }: Gauges): readonly AdminRoute[] {
  const { registry } = metrics;
  return [
    { method: 'GET', path: '/healthz', isOpen: true, answer: () => text(200, 'ok') },
    {
      method: 'GET',
      path: '/readyz',
      isOpen: true,
      answer: async () => ((await isReady()) ? text(200, 'ready') : text(503, 'not ready')),
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
