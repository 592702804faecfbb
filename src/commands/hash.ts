import { createInterface } from 'node:readline/promises';
import { hashPassword } from '../users/password-hash/argon2.ts';

/** Prints the hash of the password that is the first line of standard input, or that is typed, unseen, on a terminal. */
export async function hash(): Promise<void> {
  const password = process.stdin.isTTY ? await typedPassword() : await firstLine();
  if (!password) throw new Error('there was no password on standard input');
  process.stdout.write(`${hashPassword(password)}\n`);
}

async function firstLine(): Promise<string | undefined> {
  for await (const line of createInterface({ input: process.stdin })) return line;
  return undefined;
}

/** In raw mode, so that the terminal does not show what is typed. */
async function typedPassword(): Promise<string> {
  const { stdin, stderr } = process;
  stderr.write('Password: ');
  stdin.setRawMode(true).setEncoding('utf8');
  let typed = '';
  try {
    for await (const characters of stdin) {
      for (const character of String(characters)) {
        if (character === '\r' || character === '\n' || character === '\u0004') return typed;
        if (character === '\u0003') throw new Error('interrupted');
        typed = character === '\u007f' || character === '\b' ? typed.slice(0, -1) : typed + character;
      }
    }
    return typed;
  } finally {
    stdin.setRawMode(false);
    stderr.write('\n');
  }
}
