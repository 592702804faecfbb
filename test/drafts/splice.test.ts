import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ConfigError } from '../../src/config/problem.ts';
import type { Draft } from '../../src/drafts/draft.ts';
import { spliceDrafts } from '../../src/drafts/splice.ts';

const DRAFT: Draft = {
  path: '/new/{id}',
  methods: ['GET', 'HEAD'],
  public: false,
  scopes: ['a:b'],
  any_scope: [],
  upstream: 'api',
  comments: ['new'],
};
const ADDED = ['# new', '- path: /new/{id}', '  methods: [GET, HEAD]', '  scopes: [a:b]', '  upstream: api'];

const added = (indent: string, eol = '\n') => ADDED.map((line) => `${indent}${line}${eol}`).join('');
const ITEM = '{ path: /a, upstream: api }';

describe('drafts go to the end of the routes, and all else stays as it is', () => {
  const rows: [sentence: string, before: string, indent: string, after: string][] = [
    ['at the end of the file', `# top\nroutes:\n  - ${ITEM}   # why\n`, '  ', ''],
    ['without indentation', `routes:\n- ${ITEM}\n`, '', 'log: { level: info }\n'],
    ['with more of it', `routes:\n      - path:   /a\n        upstream: "api"\n`, '      ', '\n\n# log\nlog: {}\n'],
    ['behind the comments of the last route', `routes:\n  - ${ITEM}\n    # of /a\n`, '  ', '  # of nothing\nlog: {}\n'],
    ['before the comment of the next section', `routes:\n- ${ITEM}\n`, '', '# of log\nlog: {}\n'],
    [
      'behind a list of several lines',
      `routes:\n  - upstream: api\n    methods:\n      - GET\n      - PUT\n`,
      '  ',
      'x: 1\n',
    ],
    ['behind a list in brackets', `routes:\n  - { path: /a,\n      upstream: api }\n`, '  ', '\nx: 1\n'],
    ['behind a block of text', `routes:\n  - path: /a\n    upstream: >-\n      api\n`, '  ', 'x: 1\n'],
    ['behind a key without a value', `routes:\n  - path: /a\n    rewrite:\n`, '  ', 'x: 1\n'],
  ];
  for (const [sentence, before, indent, after] of rows) {
    test(sentence, () => {
      assert.equal(spliceDrafts('gateway.yaml', before + after, [DRAFT]), before + added(indent) + after);
    });
  }

  test('in the line ends of the file', () => {
    const before = `routes:\r\n  - ${ITEM}\r\n`;
    const after = 'log: {}\r\n';
    assert.equal(spliceDrafts('gateway.yaml', before + after, [DRAFT]), before + added('  ', '\r\n') + after);
  });

  test('where the last line does not end', () => {
    const before = `routes:\n  - ${ITEM}`;
    assert.equal(spliceDrafts('gateway.yaml', before, [DRAFT]), `${before}\n${added('  ')}`);
  });

  test('in the place of an empty list', () => {
    const text = spliceDrafts('gateway.yaml', 'a: 1\nroutes: [] # none yet\nb: 2\n', [DRAFT]);
    assert.equal(text, `a: 1\nroutes: # none yet\n${added('  ')}b: 2\n`);
  });

  test('in a section of their own where there is none', () => {
    assert.equal(spliceDrafts('gateway.yaml', 'a: 1', [DRAFT]), `a: 1\n\nroutes:\n${added('  ')}`);
  });
});

describe('drafts are refused by', () => {
  const rows: [sentence: string, text: string, place: string][] = [
    ['routes in brackets', `a: 1\nroutes: [${ITEM}]\n`, '2:9'],
    ['routes behind an alias', `a: &a [${ITEM}]\nroutes: *a\n`, '2:9'],
    ['a file in braces', `{ a: 1 }\n`, '1:1'],
  ];
  for (const [sentence, text, place] of rows) {
    test(sentence, () => {
      assert.throws(
        () => spliceDrafts('gateway.yaml', text, [DRAFT]),
        (error) => error instanceof ConfigError && error.message.startsWith(`gateway.yaml:${place}: `),
      );
    });
  }
});
