import { attempt, type Finding } from '../../config/finding.ts';
import type { ClientConfig } from '../../config/schema.ts';
import { RemoteKeys } from '../../tokens/remote-keys.ts';

/** Whether the keys that a client publishes can be had. */
export async function probeClientKeys({ jwks_uri }: ClientConfig): Promise<readonly Finding[]> {
  if (jwks_uri === undefined) return [];
  return attempt(['jwks_uri'], 'client-keys', async () => {
    const keys = new RemoteKeys(jwks_uri, () => {});
    if (!(await keys.some(() => true))) throw new Error('there is no key');
  });
}
