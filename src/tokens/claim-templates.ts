/** A value of `claims`, or of anything else that reads the verified user: any tree whose texts may hold `{user.x}`. */
export type Template = string | number | boolean | null | readonly Template[] | { readonly [key: string]: Template };

type Attributes = Readonly<Record<string, unknown>>;

/**
 * Fills `{user.x}` from the user's attributes. A text that is one placeholder and nothing else takes the attribute with
 * its type, so that `roles: "{user.groups}"` becomes a list; a claim whose attribute the user does not have is left out.
 * Where there is no user, a claim that reads one anywhere is left out as a whole: half of one would say something else.
 */
export function fillTemplates(
  templates: Readonly<Record<string, Template>>,
  user: Attributes | undefined,
): Record<string, unknown> {
  if (user) return fillMapping(templates, user);
  return Object.fromEntries(Object.entries(templates).filter(([, template]) => !readsUser(template)));
}

function readsUser(template: Template): boolean {
  if (typeof template === 'string') return template.search(PLACEHOLDER) >= 0;
  return template !== null && typeof template === 'object' && Object.values(template).some(readsUser);
}

const PLACEHOLDER = /\{user\.([A-Za-z0-9_.-]+)\}/g;
const ONE_PLACEHOLDER = /^\{user\.([A-Za-z0-9_.-]+)\}$/;

function fill(template: Template, user: Attributes): unknown {
  if (typeof template === 'string') return fillText(template, user);
  if (Array.isArray(template)) return template.map((item) => fill(item, user)).filter((value) => value !== undefined);
  if (template !== null && typeof template === 'object') return fillMapping(template as Record<string, Template>, user);
  return template;
}

function fillMapping(templates: Readonly<Record<string, Template>>, user: Attributes): Record<string, unknown> {
  const filled = Object.entries(templates).map(([name, template]) => [name, fill(template, user)] as const);
  return Object.fromEntries(filled.filter(([, value]) => value !== undefined));
}

function fillText(template: string, user: Attributes): unknown {
  const single = ONE_PLACEHOLDER.exec(template)?.[1];
  if (single !== undefined) return attribute(user, single);
  return template.replace(PLACEHOLDER, (_, name: string) => String(attribute(user, name) ?? ''));
}

function attribute(user: Attributes, name: string): unknown {
  return Object.hasOwn(user, name) ? user[name] : undefined;
}
