import type { ExplanationDocument } from '../explain/document.ts';

type Missed = ExplanationDocument['near_misses'][number];

/** An explanation for people. */
export function formatExplanation(document: ExplanationDocument): string {
  const { request, request_id: id, time, route, near_misses: missed, checks, upstream, unchecked } = document;
  const lines = [
    `${request}: ${describeOutcome(document)}`,
    ...(id === undefined ? [] : [`Request ${id} at ${time}`]),
    ...(route ? ['', `Route: ${route.path} of line ${route.line} (${route.access})`] : []),
    ...section('Near it:', missed.map(describeMiss)),
    ...section(
      'Checks:',
      checks.map(({ name, passed, detail }) => `${passed ? 'ok' : 'NO'}  ${name.padEnd(11)} ${detail}`),
    ),
    ...(upstream ? section(`The upstream ${upstream.name} would get:`, describeUpstream(upstream)) : []),
    ...(unchecked.length > 0 ? ['', `Not known here: ${unchecked.join(', ')}`] : []),
  ];
  return `${lines.map(visible).join('\n')}\n`;
}

function describeOutcome({ outcome, refusal, would_refuse: wouldRefuse }: ExplanationDocument): string {
  if (refusal) return `refused with ${describeRefusal(refusal)}`;
  return wouldRefuse ? `would be refused with ${describeRefusal(wouldRefuse)} In report mode it passes.` : outcome;
}

function describeRefusal(refusal: NonNullable<ExplanationDocument['refusal']>): string {
  return `${refusal.status} ${refusal.error}: ${refusal.error_description}`;
}

function section(head: string, lines: readonly string[]): string[] {
  return lines.length > 0 ? ['', head, ...lines.map((line) => `  ${line}`)] : [];
}

const REASONS: Readonly<Record<Missed['because'], (missed: Missed) => string>> = {
  method: ({ methods }) => `is for ${methods.join(', ')} only`,
  specificity: () => 'fits too, and is less specific',
  host: ({ host = 'all hosts' }) => `is for ${host}`,
  spelling: () => 'is spelt in another way (case, a slash at the end, ;parameters)',
};

function describeMiss(missed: Missed): string {
  return `${missed.path} of line ${missed.line} ${REASONS[missed.because](missed)}`;
}

type Upstream = NonNullable<ExplanationDocument['upstream']>;

function describeUpstream({ method, targets, path, headers }: Upstream): string[] {
  return [`${method} ${targets.join(' or ')}${path}`, ...headers.map(({ name, value }) => `${name}: ${value}`)];
}

/** What callers sent may have characters that a terminal obeys. */
function visible(line: string): string {
  return line.replace(/[^\P{C}\t]/gu, '\ufffd');
}
