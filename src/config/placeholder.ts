/** The subjects that `{user.x}` and the like read from. */
type Subject = 'user' | 'token' | 'carry';

const NAME = '[A-Za-z0-9_.-]+';

/** What is wrong with the placeholders of a template, if anything: there is no other use of braces in one. */
export function placeholderProblem(template: string, ...subjects: readonly Subject[]): string | undefined {
  const rest = template.replaceAll(new RegExp(`\\{(${subjects.join('|')})\\.${NAME}\\}`, 'g'), '');
  if (!/[{}]/.test(rest)) return undefined;
  return `expected braces only as in ${subjects.map((subject) => `{${subject}.name}`).join(' or ')}`;
}

/** What of the session of a login a template reads: the names that stand in `{carry.x}`. */
export function carriedNames(template: string): string[] {
  return Array.from(template.matchAll(/\{carry\.([^{}]+)\}/g), ([, name = '']) => name);
}
