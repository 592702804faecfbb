import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { createMessageConnection } from 'vscode-jsonrpc/node.js';

/** What editors show of a gateway.yaml whose first line names its schema: asked of the server that they ask. */

/** `¦` is where a cursor stands, one in a line. */
const MARKED = `# yaml-language-server: $schema=gateway.schema.json
tokens:
  access_¦token_ttl: 15m
routes:
  - path: /orders
    ¦
  - { path: /invoices, methods: [GET, ¦], upstrem: travel }
users:
  directory:
    type: ldap
    ¦
`;

const cursors = MARKED.split('\n').flatMap((text, line) => {
  const character = text.indexOf('¦');
  return character < 0 ? [] : [{ line, character }];
});

const uri = `${pathToFileURL(process.cwd())}/edited.yaml`;
const server = spawn(process.execPath, ['node_modules/yaml-language-server/bin/yaml-language-server', '--stdio']);
const connection = createMessageConnection(server.stdout, server.stdin);
const SETTINGS = { validate: true, hover: true, completion: true, schemaStore: { enable: false } };

interface Diagnostic {
  readonly message: string;
  readonly range: { readonly start: { readonly line: number } };
}

const diagnosed = new Promise<readonly Diagnostic[]>((resolve) => {
  connection.onNotification('textDocument/publishDiagnostics', ({ diagnostics }) => resolve(diagnostics));
});

before(async () => {
  connection.onRequest('workspace/configuration', ({ items }: { items: { section: string }[] }) =>
    items.map(({ section }) => (section === 'yaml' ? SETTINGS : null)),
  );
  connection.listen();
  await connection.sendRequest('initialize', { processId: process.pid, rootUri: null, capabilities: {} });
  await connection.sendNotification('initialized', {});
  const textDocument = { uri, languageId: 'yaml', version: 1, text: MARKED.replaceAll('¦', '') };
  await connection.sendNotification('textDocument/didOpen', { textDocument });
});

after(async () => {
  connection.dispose();
  server.kill();
  await once(server, 'close');
});

describe('the YAML language server completes', () => {
  const rows: [sentence: string, cursor: number, proposed: string[], others: string[]][] = [
    ['the keys of a route', 1, ['upstream', 'any_scope', 'encoded_slashes'], ['path', 'targets']],
    ['a value of which there are few', 2, ['HEAD', 'DELETE'], ['TRACE']],
    ['the keys of one kind of user store', 3, ['base_dn', 'bind_password', 'continue_on_reject'], ['query', 'form']],
  ];
  for (const [sentence, cursor, proposed, others] of rows) {
    test(sentence, async () => {
      const { items } = await ask<{ items: { label: string }[] }>('completion', cursor);
      const labels = items.map(({ label }) => label);
      assert.deepEqual(
        [...proposed, ...others].filter((label) => labels.includes(label)),
        proposed,
      );
    });
  }
});

test('the YAML language server says what a key means, and its default', async () => {
  const { contents } = await ask<{ contents: { value: string } | string }>('hover', 0);
  const text = typeof contents === 'string' ? contents : contents.value;
  assert.match(text, /How long an access token is good\..*15m/s);
});

test('the YAML language server marks a misspelt key, and nothing that is well', async () => {
  const lines = (await diagnosed)
    .filter(({ message }) => !message.startsWith('Missing'))
    .map(({ message, range }) => [range.start.line, message]);
  assert.deepEqual(lines, [[6, 'Property upstrem is not allowed.']]);
});

function ask<Answer>(what: string, cursor: number): Promise<Answer> {
  return connection.sendRequest(`textDocument/${what}`, { textDocument: { uri }, position: cursors[cursor] });
}
