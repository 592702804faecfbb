/** Opens a script with `now`: Redis' own time in milliseconds, so that all gateways agree on it. */
export const LUA_NOW = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`;
