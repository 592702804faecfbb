import type { Check } from './check.ts';

export const checkLoginLimits: Check = function* ({ login_limits }, locate) {
  if (!login_limits) return;
  const { lock, max_lock } = login_limits.user_and_address;
  if (lock > max_lock) {
    const position = locate(['login_limits', 'user_and_address', 'lock']);
    yield { position, message: '`lock` may not exceed `max_lock`' };
  }
};
