import type { Bars } from '../bench-case.ts';
import { quantile } from '../measure/spread.ts';
import type { CaseReport } from './markdown.ts';

const WIDTH = 760;
const LEFT = 170;
const RIGHT = 110;
const BAR = 22;
const TITLE = 44;
const GAP = 16;
const LONGEST_TO_MEDIAN = 4;
const FONT = 'font-family="sans-serif" font-size="13"';

/** Bars of the medians, with a line from the least to the most: a panel for each case that has some, one below the other. */
export function drawPlot(cases: readonly CaseReport[]): string {
  let top = 0;
  const panels = cases.flatMap(({ name, bars }) => {
    if (bars === undefined || bars.values.length === 0) return [];
    const panel = `<g transform="translate(0 ${top})">${drawPanel(name, bars)}</g>`;
    top += TITLE + BAR * bars.values.length + GAP;
    return [panel];
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${top}" ${FONT}>
<rect width="100%" height="100%" fill="white"/>
${panels.join('\n')}
</svg>
`;
}

function drawPanel(name: string, { unit, values }: Bars): string {
  const scale = scaleOf(values);
  const width = (value: number) => (WIDTH - LEFT - RIGHT) * Math.min(1, value / scale);
  const bars = values.map(({ label, median, min, max }, index) => {
    const [top, middle] = [TITLE + index * BAR, TITLE + (index + 0.5) * BAR];
    return [
      `<text x="${LEFT - 8}" y="${middle + 4}" text-anchor="end">${label}</text>`,
      `<rect x="${LEFT}" y="${top + 3}" width="${width(median).toFixed(1)}" height="${BAR - 6}" fill="${colour(label)}"/>`,
      `<path d="M${(LEFT + width(min)).toFixed(1)} ${middle} H${(LEFT + width(max)).toFixed(1)}" stroke="black"/>`,
      `<text x="${(LEFT + width(max) + 8).toFixed(1)}" y="${middle + 4}">${median.toFixed(1)}${max > scale ? ' (cut off)' : ''}</text>`,
    ].join('');
  });
  return `<text x="8" y="22" font-weight="bold">${name}</text><text x="8" y="38" fill="#555">${unit}, less is better</text>\n${bars.join('\n')}`;
}

/** One bar that is many times the others would make them look alike: it is cut off. */
function scaleOf(values: Bars['values']): number {
  const middle = quantile(
    values.map(({ median }) => median),
    0.5,
  );
  return Math.min(Math.max(...values.map(({ max }) => max)), LONGEST_TO_MEDIAN * middle);
}

const colour = (label: string) => (label.startsWith('postern') ? '#1f6fb2' : '#a9b4bd');
