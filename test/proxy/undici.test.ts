import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildConnector, Client, errors } from 'undici';
import * as parts from '../../src/proxy/undici.ts';

test("the parts of undici are undici's own", () => {
  assert.equal(parts.Client, Client);
  assert.equal(parts.buildConnector, buildConnector);
  assert.equal(parts.errors, errors);
});
