/** The placeholders that `claims` (`{user.x}`) and `identity_headers` (`{token.x}`) read their subject with. */
const NAME = '[A-Za-z0-9_.-]+';

/** What is wrong with the placeholders of a template, if anything: there is no other use of braces in one. */
export function placeholderProblem(template: string, subject: 'user' | 'token'): string | undefined {
  const rest = template.replaceAll(new RegExp(`\\{${subject}\\.${NAME}\\}`, 'g'), '');
  return /[{}]/.test(rest) ? `expected braces only as in {${subject}.name}` : undefined;
}
