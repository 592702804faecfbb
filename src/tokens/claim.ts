type Claims = Readonly<Record<string, unknown>>;

/**
 * A claim by its name, or by the way to it through mappings and lists: `customData.cn`. Names may have dots in them
 * (`https://example.com/roles`), so the whole name is looked for first.
 */
export function claimAt(claims: Claims, name: string): unknown {
  return Object.hasOwn(claims, name) ? claims[name] : name.split('.').reduce<unknown>(member, claims);
}

/** Own members only: `constructor` is a claim like any other. */
function member(value: unknown, name: string): unknown {
  const isObject = typeof value === 'object' && value !== null && Object.hasOwn(value, name);
  return isObject ? (value as Claims)[name] : undefined;
}
