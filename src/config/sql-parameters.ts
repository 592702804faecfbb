/** Quoted texts and names, comments, and parameters such as `$1`. A backslash escapes, as in MySQL's texts. */
const TOKEN =
  /'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*"|`[^`]*`|--[^\n]*|#[^\n]*|\/\*[\s\S]*?\*\/|\$(?<parameter>\d+)/g;

/** The query with each of its parameters replaced; what looks like one inside of quotes and comments stays. */
export function replaceParameters(query: string, replace: (number: string) => string): string {
  return query.replace(TOKEN, (token, ...rest) => {
    const { parameter } = rest.at(-1) as { parameter?: string };
    return parameter === undefined ? token : replace(parameter);
  });
}

/** The numbers of all parameters, in the order in which they are used. */
export function parametersOf(query: string): string[] {
  const numbers: string[] = [];
  replaceParameters(query, (number) => {
    numbers.push(number);
    return '';
  });
  return numbers;
}
