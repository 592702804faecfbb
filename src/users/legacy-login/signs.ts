import { isDeepStrictEqual } from 'node:util';
import type { SignsConfig } from '../../config/schema.ts';
import { type HttpAnswer, jsonOf } from '../http-exchanges.ts';
import { readCookies } from './cookies.ts';

/** Whether an answer shows all of the signs by which `accept` or `reject` knows it. */
export function showsAll(answer: HttpAnswer, { status, location, body_contains, cookie, json }: SignsConfig): boolean {
  return (
    (status === undefined || status.includes(answer.status)) &&
    (location === undefined || location.some((place) => leadsTo(answer, place))) &&
    (body_contains === undefined || answer.text.includes(body_contains)) &&
    (cookie === undefined || Boolean(readCookies(answer).get(cookie))) &&
    (json === undefined || contains(jsonOf(answer), json))
  );
}

/** A query counts only where the configuration has one: most redirects carry some of their own. */
export function leadsTo({ url, headers }: HttpAnswer, place: string): boolean {
  const { location } = headers;
  if (typeof location !== 'string' || !URL.canParse(location, url)) return false;
  const [actual, expected] = [new URL(location, url), new URL(place, url)];
  const samePlace = actual.origin === expected.origin && actual.pathname === expected.pathname;
  return samePlace && (expected.search === '' || actual.search === expected.search);
}

/** Whether `actual` has all that `expected` has, and maybe more; lists and single values have to be the same. */
function contains(actual: unknown, expected: unknown): boolean {
  if (!isMapping(actual) || !isMapping(expected)) return isDeepStrictEqual(actual, expected);
  return Object.entries(expected).every(
    ([name, value]) => Object.hasOwn(actual, name) && contains(actual[name], value),
  );
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
