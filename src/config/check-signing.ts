import type { Check } from './check.ts';
import type { Config } from './schema.ts';

/** Twice the `max-age` of the JWKS. */
const SHORTEST_OVERLAP_MS = 10 * 60_000;
/** How many keys may be published because tokens live longer than keys sign. */
const MOST_RETIRING_KEYS = 10;

export const checkSigning: Check = function* ({ tokens, clients = [] }, locate) {
  if (!tokens) return;
  const { rotate_every, overlap, keys_dir, encryption_key } = tokens.signing;
  const at = (key: string, part?: 'key') => locate(['tokens', 'signing', key], part);
  if (overlap < SHORTEST_OVERLAP_MS) {
    yield {
      position: at('overlap'),
      message: '`overlap` may not be less than 10m: others keep the published keys for 5 minutes',
    };
  }
  if (overlap > rotate_every / 2) {
    yield { position: at('overlap'), message: '`overlap` may not exceed half of `rotate_every`' };
  }
  if (longestTokenTtl({ tokens, clients }) > MOST_RETIRING_KEYS * rotate_every) {
    const message = `\`rotate_every\` may not be less than a tenth of the longest lifetime of a token: old keys would pile up`;
    yield { position: at('rotate_every'), message };
  }
  if (keys_dir !== undefined && encryption_key !== undefined) {
    const message = '`encryption_key` is for keys in the store, and with `keys_dir` there are none';
    yield { position: at('encryption_key', 'key'), message };
  }
};

/** How long an access or ID token may be good at most, whichever client it is for. */
export function longestTokenTtl(config: Pick<Config, 'tokens' | 'clients'>): number {
  return Math.max(longestAccessTokenTtl(config), config.tokens.id_token_ttl);
}

export function longestAccessTokenTtl({ tokens, clients }: Pick<Config, 'tokens' | 'clients'>): number {
  return Math.max(tokens.access_token_ttl, ...clients.map(({ access_token_ttl }) => access_token_ttl ?? 0));
}
