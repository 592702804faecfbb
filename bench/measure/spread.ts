import type { Spread } from '../bench-case.ts';

/** @throws RangeError without values. */
export function spreadOf(values: readonly number[]): Spread {
  const [min, max] = [Math.min(...values), Math.max(...values)];
  return { median: quantile(values, 0.5), min, max };
}

/** The value below which this share of the values lies, between two of them in proportion. @throws RangeError without values. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((one, other) => one - other);
  const place = (sorted.length - 1) * share;
  const [below, above] = [sorted[Math.floor(place)], sorted[Math.ceil(place)]];
  if (below === undefined || above === undefined) throw new RangeError('there are no values');
  return below + (above - below) * (place - Math.floor(place));
}

/** `56.1 (55.0–58.2)`: the median, the least and the most. */
export function printSpread({ median, min, max }: Spread, digits = 1): string {
  return `${printNumber(median, digits)} (${printNumber(min, digits)}–${printNumber(max, digits)})`;
}

export function printNumber(value: number, digits = 1): string {
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}
