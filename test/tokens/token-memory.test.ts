import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { TokenMemory } from '../../src/tokens/token-memory.ts';

describe('the memory of tokens', () => {
  const memory = () => new TokenMemory<{ readonly of: string }>();
  const fill = (tokens: ReturnType<typeof memory>, count: number, length = 20) => {
    for (let index = 0; index < count; index += 1) tokens.set(String(index).padStart(length, '-'), { of: 'others' });
  };

  test('keeps a token that was used again, however many others come once', () => {
    const tokens = memory();
    tokens.set('hot', { of: 'hot' });
    assert.equal(tokens.get('hot')?.of, 'hot');
    fill(tokens, 10_000);
    assert.equal(tokens.get('hot')?.of, 'hot');
  });

  test('keeps it when its verdict is renewed, too', () => {
    const tokens = memory();
    tokens.set('hot', { of: 'first' });
    tokens.get('hot');
    tokens.set('hot', { of: 'second' });
    fill(tokens, 10_000);
    assert.equal(tokens.get('hot')?.of, 'second');
  });

  test('forgets a token that came once, when many others did after it', () => {
    const tokens = memory();
    tokens.set('once', { of: 'once' });
    fill(tokens, 2_000);
    assert.equal(tokens.get('once'), undefined);
  });

  test('has a bound on characters, for tokens may be long', () => {
    const tokens = memory();
    tokens.set('once', { of: 'once' });
    fill(tokens, 300, 16_000);
    assert.equal(tokens.get('once'), undefined);
  });
});
