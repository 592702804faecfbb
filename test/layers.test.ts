import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { test } from 'node:test';

/** The floors of the house, from the top, as docs/architecture.md has them. A room is a folder of src/ or a file in it. */
const FLOORS = (/```floors\n([^`]+)\n```/.exec(readFileSync('docs/architecture.md', 'utf8'))?.[1] ?? '')
  .split('\n')
  .map((floor) => floor.split(', '));

const floorWith = (room: string) => new Set(FLOORS.find((rooms) => rooms.includes(room)));

/** Rooms that belong together: the map, its steps and what they meet. All others on one floor do not import each other. */
const MAP = floorWith('app');
/** Errors are data, and configuration is too: both are read by everyone. */
const SHARED = floorWith('config');

const files = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));

test('imports run downward only', () => {
  const wrong = files.flatMap((file) =>
    importsOf(file)
      .filter((imported) => !mayImport(roomOf(file), roomOf(imported)))
      .map((imported) => `${file} → ${imported}`),
  );
  assert.deepEqual(wrong, []);
});

test('every room is on a floor', () => {
  const rooms = new Set(files.map(roomOf));
  assert.deepEqual([...rooms].sort(), FLOORS.flat().sort());
});

test('app.ts, the map, is under 80 lines', () => {
  assert.ok(readFileSync('src/app.ts', 'utf8').split('\n').length < 80);
});

test('the guard, the proxy and all below them know no Koa', () => {
  const below = FLOORS.slice(floorOf('oauth')).flat();
  const rooms = new Set(below.filter((room) => room !== 'oauth'));
  const wrong = files.filter(
    (file) => rooms.has(roomOf(file)) && /from 'koa/.test(readFileSync(join('src', file), 'utf8')),
  );
  assert.deepEqual(wrong, []);
});

function mayImport(from: string, to: string): boolean {
  if (from === to || (MAP.has(from) && MAP.has(to))) return true;
  if (SHARED.has(from) && SHARED.has(to)) return true;
  return floorOf(to) > floorOf(from);
}

function floorOf(room: string): number {
  return FLOORS.findIndex((rooms) => rooms.includes(room));
}

function roomOf(file: string): string {
  return (file.split('/')[0] ?? '').replace(/\.ts$/, '');
}

function importsOf(file: string): string[] {
  const source = readFileSync(join('src', file), 'utf8');
  const specifiers = [...source.matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)].map((match) => match[1] ?? '');
  return specifiers.map((specifier) => relative('src', join('src', dirname(file), specifier)));
}
