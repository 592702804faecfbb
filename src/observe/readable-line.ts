/** Of terminals, as numbers of ANSI: red, yellow, green. */
const COLOURS: Readonly<Record<string, number>> = { fatal: 31, error: 31, warn: 33, info: 32 };
const GREY = 90;

/**
 * A record of the log as people read it: `14:03:07.512 INFO listening address="127.0.0.1:8080"`, in UTC. Values are written
 * as in JSON, so that none of them ends the line or passes for another field.
 */
export function readableLine(record: string, coloured: boolean): string {
  const { time = '', level = '', msg = '', ...fields } = JSON.parse(record) as Record<string, unknown>;
  const paint = (colour: number, text: string) => (coloured ? `\x1b[${colour}m${text}\x1b[0m` : text);
  const severity = paint(COLOURS[String(level)] ?? GREY, String(level).toUpperCase());
  const named = Object.entries(fields).map(([name, value]) => `${paint(GREY, `${name}=`)}${JSON.stringify(value)}`);
  return `${[String(time).slice(11, 23), severity, escapeControls(String(msg)), ...named].join(' ')}\n`;
}

function escapeControls(text: string): string {
  return text.replace(/\p{Cc}/gu, (character) => JSON.stringify(character).slice(1, -1));
}
