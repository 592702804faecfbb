import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { isMap, isSeq, parseDocument } from 'yaml';
import { parseSections } from '../../src/config/parse-sections.ts';
import type { Problem } from '../../src/config/problem.ts';
import { Source } from '../../src/config/source.ts';

const REFERENCE = readFileSync('test/config/golden/reference.yaml', 'utf8').replaceAll(/\$\{\w+\}/g, 'x');

const JUNK: readonly unknown[] = [null, true, -1.5, '', ' jünk\n', [], [null], {}, { junk: 'junk' }];

/** zod's own words, for whom a message of ours is missing. */
const ZODS_OWN = /invalid|received|too (small|big)|unrecognized|<|>|undefined|\n|\[object/i;

for (const junk of JUNK) {
  test(`${JSON.stringify(junk)} in place of any value is told in words of ours, with its place`, () => {
    for (const depth of [1, 2, 3, 4]) {
      const problems = problemsWith(junk, depth);
      for (const { message } of problems) assert.doesNotMatch(message, ZODS_OWN);
      assert.ok(problems.length > 0, `nothing is wrong with junk at depth ${depth}`);
      // The first line is a comment; what has no place would be told there.
      for (const { position, message } of problems) assert.notEqual(position.line, 1, message);
    }
  });
}

/** What is said when everything that is `depth` steps into the reference is replaced. */
function problemsWith(junk: unknown, depth: number): readonly Problem[] {
  const document = parseDocument(REFERENCE);
  const paths = pathsOf(document.contents).filter((path) => path.length === depth);
  for (const path of paths) document.setIn(path, document.createNode(junk));
  return parseSections(new Source('gateway.yaml', document.toString())).problems;
}

/** Each key and each list item, as `['routes', 0, 'path']`. */
function pathsOf(node: unknown, path: readonly (string | number)[] = []): (string | number)[][] {
  if (isMap(node)) {
    return node.items.flatMap(({ key, value }) => {
      const inner = [...path, String(key)];
      return [inner, ...pathsOf(value, inner)];
    });
  }
  if (!isSeq(node)) return [];
  return node.items.flatMap((item, index) => [[...path, index], ...pathsOf(item, [...path, index])]);
}
