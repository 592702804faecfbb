import type { Random } from './random.ts';

/** What YAML, numbers, paths and variables have to trip over. None names a place that a gateway could write to. */
const VALUES = [
  ...[
    'null',
    '~',
    'true',
    '[]',
    '{}',
    '""',
    '-',
    '0',
    '-1',
    '1e400',
    '.nan',
    '0x10',
    '1_000',
    '2026-01-01',
    '\u2028',
    '\ufeff',
  ],
  ...[
    '*a',
    '&a x',
    '<<: *a',
    '!!binary aGk=',
    '!!js/function x',
    '? x',
    '|',
    '>-',
    '@x',
    '`x`',
    '%',
    '{{{{',
    '[[[[',
    "'",
    '"',
  ],
  ...[
    `\${NOT_SET}`,
    `\${NOT_SET:-x}`,
    `\${`,
    `\${file:/dev/zero}`,
    `\${file:.}`,
    `$\${X}`,
    '/dev/zero',
    '/dev/null',
    'users.yaml',
  ],
  ...[
    '1s',
    '99999999999d',
    '-5s',
    '1.5h',
    '16kb',
    '9e99mb',
    '0ms',
    ':0',
    '[::1]:99999',
    '127.0.0.1',
    'http://[',
    'http://x:y@z?q#f',
  ],
  ...[
    '/**',
    '/{a}/{a}',
    '/a/**/b',
    '//',
    '/..',
    '{',
    '__proto__',
    'constructor',
    'toString',
    'a'.repeat(5000),
    '\0',
    '\x1b[31m',
    'é',
  ],
];
const LINES = [
  '---',
  '...',
  '%YAML 9.9',
  '# postern-ignore:',
  '__proto__: { x: 1 }',
  '\t- x',
  '? [a, b]',
  '<<: *a',
  'routes: &r [*r]',
];

type Mutation = (random: Random, lines: string[], others: readonly string[]) => void;

const MUTATIONS: readonly Mutation[] = [
  (random, lines) => lines.splice(random.below(lines.length), 1 + random.below(3)),
  (random, lines) => lines.splice(random.below(lines.length), 0, random.pick(lines)),
  (random, lines, others) => lines.splice(random.below(lines.length), 0, random.pick(others)),
  (random, lines) => lines.splice(random.below(lines.length), 0, random.pick(LINES)),
  (random, lines) => change(random, lines, (line) => ' '.repeat(random.below(7)) + line.trimStart()),
  (random, lines) => change(random, lines, (line) => line.replace(/:( .*)?$/, () => `: ${random.pick(VALUES)}`)),
  (random, lines) => change(random, lines, (line) => line.replace(/[\w.-]+/, () => random.pick(VALUES))),
  (random, lines) => change(random, lines, (line) => insert(random, line, random.pick(VALUES))),
  (random, lines) => change(random, lines, (line) => line.slice(0, random.below(line.length + 1))),
  (random, lines) =>
    change(random, lines, (line) => insert(random, line, random.pick([':', ' ', '#', ',', ']', '}', '\t', '\r']))),
  (random, lines) => lines.splice(random.below(lines.length)),
  (random, lines) => lines.push(...Array.from({ length: random.below(300) }, () => random.pick(lines))),
];

/** A gateway.yaml that comes of the sample or of another text, with lines of others in it. */
export function mutated(random: Random, sample: string, texts: readonly string[]): string {
  const lines = (random.chance(0.6) ? sample : random.pick(texts)).split('\n');
  const others = random.pick(texts).split('\n');
  for (let times = 1 + random.below(3); times > 0; times -= 1) {
    if (lines.length === 0) lines.push('');
    random.pick(MUTATIONS)(random, lines, others);
  }
  return lines.join(random.chance(0.03) ? '\r\n' : '\n');
}

function change(random: Random, lines: string[], replace: (line: string) => string): void {
  const index = random.below(lines.length);
  lines[index] = replace(lines[index] ?? '');
}

function insert(random: Random, line: string, text: string): string {
  const at = random.below(line.length + 1);
  return line.slice(0, at) + text + line.slice(at);
}
