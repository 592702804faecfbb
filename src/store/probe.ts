import { attempt, type Finding } from '../config/finding.ts';
import type { StoreConfig } from '../config/schema.ts';
import { RedisStore } from './redis.ts';
import type { Script } from './store.ts';

/** Looks for a key that is not there. */
const LOOK: Script<number> = {
  name: 'probe',
  lua: `return redis.call('EXISTS', KEYS[1])`,
  embedded: () => 0,
};

/** Whether Redis answers, takes the credentials and runs scripts. */
export async function probeStore({ redis, ...config }: StoreConfig): Promise<readonly Finding[]> {
  if (redis === undefined) return [];
  let down: unknown;
  const store = new RedisStore({ ...config, redis }, (_, cause) => {
    down ??= cause;
  });
  try {
    const unreachable = await attempt(['redis'], 'store-unreachable', () =>
      store.ping().catch((error) => {
        throw down ?? error;
      }),
    );
    if (unreachable.length > 0) return unreachable;
    return await attempt(['redis'], 'store-scripts', () => store.run(LOOK, ['probe:{probe}']));
  } finally {
    await store.close();
  }
}
