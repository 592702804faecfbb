import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Something that nobody may be told, with what it is. */
export interface KnownSecret {
  readonly name: string;
  readonly value: string;
}

/** What is shorter, or is a word, stands in other texts by chance, so it is not searched for. */
const SHORTEST = 8;
const WORD = /^[a-z]+$/i;

/** What no log, error or metric ever has, whoever made it: private keys, tokens and hashes that no test knows by themselves. */
const SHAPES: Readonly<Record<string, RegExp>> = {
  'a private key': /-----BEGIN [A-Z ]*PRIVATE KEY/,
  'a private JWK': /\\?"d\\?": ?\\?"[\w-]{40,}/,
  'a token': /\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{40,}/,
  'an argon2 hash': /\$argon2(id|i|d)\$v=/,
  'a bcrypt hash': /\$2[aby]\$\d\d\$[./\w]{53}/,
};

/** A secret as it could be written: as it is, in JSON, encoded for URLs or headers, or within another text. */
export function spellingsOf(value: string): string[] {
  // Base64 writes a text in three ways, by where it begins; what it shares with its neighbours is left out.
  const within = [0, 1, 2].map((shift) =>
    Buffer.from(`${'x'.repeat(shift)}${value}`)
      .toString('base64')
      .slice(4, -4),
  );
  const inJson = JSON.stringify(value).slice(1, -1);
  const spellings = [
    value,
    inJson,
    encodeURIComponent(Buffer.from(value).toString()),
    Buffer.from(value).toString('hex'),
    ...within,
  ];
  return spellings.flatMap((spelling) => [spelling, spelling.replaceAll('+', '-').replaceAll('/', '_')]);
}

/** Looks for many secrets at once: for how each of them begins, by a hash that moves along the text (Rabin and Karp). */
export class LeakSearch {
  readonly #byHash = new Map<number, { readonly name: string; readonly bytes: Buffer }[]>();

  constructor(secrets: Iterable<KnownSecret>) {
    const seen = new Set<string>();
    for (const { name, value } of secrets) {
      if (value.length < SHORTEST || WORD.test(value)) continue;
      for (const spelling of spellingsOf(value)) {
        const bytes = Buffer.from(spelling);
        if (bytes.length < SHORTEST || seen.has(spelling)) continue;
        seen.add(spelling);
        const hash = hashOf(bytes);
        this.#byHash.set(hash, [...(this.#byHash.get(hash) ?? []), { name, bytes }]);
      }
    }
  }

  /** The names of what is in the text. */
  in(text: Buffer): string[] {
    const found = new Set<string>();
    for (let at = SHORTEST, hash = hashOf(text); at <= text.length; at += 1) {
      for (const { name, bytes } of this.#byHash.get(hash) ?? []) {
        const start = at - SHORTEST;
        if (bytes.compare(text, start, Math.min(start + bytes.length, text.length)) === 0) found.add(name);
      }
      hash = (Math.imul(hash - Math.imul(text[at - SHORTEST] ?? 0, FIRST), BASE) + (text[at] ?? 0)) | 0;
    }
    const latin1 = text.toString('latin1');
    for (const [name, shape] of Object.entries(SHAPES)) if (shape.test(latin1)) found.add(name);
    return [...found];
  }
}

const BASE = 16_777_619;
/** BASE to the power of SHORTEST - 1: what the first byte weighs. */
const FIRST = Array.from({ length: SHORTEST - 1 }).reduce((power: number) => Math.imul(power, BASE), 1);

function hashOf(bytes: Buffer): number {
  let hash = 0;
  for (let at = 0; at < SHORTEST; at += 1) hash = (Math.imul(hash, BASE) + (bytes[at] ?? 0)) | 0;
  return hash;
}

/** Searches what all test files have overheard for all secrets of all of them. @returns a line for each leak */
export function searchOverheard(folder: string): string[] {
  const names = readdirSync(folder);
  const lines = (name: string) => readFileSync(join(folder, name), 'utf8').split('\n').filter(Boolean);
  const secrets = names.filter((name) => name.endsWith('.secrets')).flatMap(lines);
  const search = new LeakSearch(secrets.map((line) => JSON.parse(line)));
  const said = names.filter((name) => name.endsWith('.said'));
  return said.flatMap((name) =>
    search.in(readFileSync(join(folder, name))).map((leak) => `${leak} was said in ${name}`),
  );
}
