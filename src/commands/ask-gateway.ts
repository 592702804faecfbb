import { loadConfig } from '../config/load.ts';
import type { Endpoint } from '../config/values.ts';

/** Where a running gateway is asked. */
export interface AdminAddress {
  /** `http://127.0.0.1:9901` */
  readonly origin: string;
  /** Empty where none is needed. */
  readonly token: string;
}

/** The admin address of the gateway that runs with this configuration on this host. @throws ConfigError */
export function adminAddressIn(file: string): AdminAddress {
  const { address, token } = loadConfig(file).admin;
  return { origin: originOf(address), token };
}

/** @throws Error when no gateway answers, or it refuses. */
export async function askGateway<Answer>(
  { origin, token }: AdminAddress,
  method: 'GET' | 'POST' | 'DELETE',
  path: string,
  question?: object,
): Promise<Answer> {
  const response = await fetch(new URL(path, origin), {
    method,
    headers: token === '' ? {} : { Authorization: `Bearer ${token}` },
    body: question === undefined ? null : JSON.stringify(question),
    redirect: 'error',
    signal: AbortSignal.timeout(10_000),
  }).catch((failure: Error) => {
    // What fetch throws says only that it failed; its cause says why.
    throw new Error(`no gateway answers at ${origin}`, { cause: failure.cause ?? failure });
  });
  const body = (await response.json().catch(() => ({}))) as Answer & { error_description?: string };
  if (response.ok) return body;
  throw new Error(`${origin} answered ${response.status}: ${body.error_description ?? 'it says no more'}`);
}

function originOf({ host, port }: Endpoint): string {
  if (host === undefined || host === '0.0.0.0') return `http://127.0.0.1:${port}`;
  if (host === '::') return `http://[::1]:${port}`;
  return host.includes(':') ? `http://[${host}]:${port}` : `http://${host}:${port}`;
}
