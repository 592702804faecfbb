/**
 * A value of a JSON tree by its name, or by the way to it through mappings and lists: `customData.cn`. Names may have
 * dots in them (`https://example.com/roles`), so the whole name is looked for first.
 */
export function valueAt(tree: unknown, path: string): unknown {
  return has(tree, path) ? tree[path] : path.split('.').reduce(member, tree);
}

function member(value: unknown, name: string): unknown {
  return has(value, name) ? value[name] : undefined;
}

/** Own members only: `constructor` is a name like any other. */
function has(value: unknown, name: string): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name);
}
