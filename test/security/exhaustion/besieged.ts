import type { Settings } from '../../support/gateway.ts';

export interface Besieged {
  memoryBytes(): Promise<number>;
  /** The value of a metric, named with its labels; 0 if nothing was counted. */
  metric(name: string): Promise<number>;
}

/**
 * A gateway with a route that answers, one that never ends and one that wants a token.
 *
 * @param start starts it in a process of its own
 * @param targets the upstream that answers, and the one that does so without an end
 */
export async function startBesieged<Served extends { readonly adminUrl: string }>(
  start: (settings: Settings) => Promise<Served>,
  listen: Record<string, unknown>,
  targets: { readonly api: string; readonly endless: string },
): Promise<Served & Besieged> {
  const gateway = await start({
    listen: { address: '127.0.0.1:0', ...listen },
    tokens: {
      issuer: 'https://gateway.example/auth',
      audience: 'https://api.example',
      signing: { algorithm: 'ES256' },
    },
    // As it is by default.
    login_limits: { min_failure_time: '500ms' },
    upstreams: {
      api: { targets: [targets.api] },
      endless: { targets: [targets.endless], idle_timeout: '2s' },
    },
    routes: [
      { path: '/open', public: true, upstream: 'api', max_body: '64kb' },
      { path: '/endless', public: true, upstream: 'endless' },
      { path: '/closed', upstream: 'api' },
    ],
  });
  const metric = async (name: string) => {
    const text = await (await fetch(`${gateway.adminUrl}/metrics`)).text();
    const line = text.split('\n').find((written) => written.startsWith(`${name} `));
    return Number(line?.slice(name.length) ?? 0);
  };
  return { ...gateway, metric, memoryBytes: () => metric('process_resident_memory_bytes') };
}
