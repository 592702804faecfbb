#!/usr/bin/env node
import { Command, CommanderError, Option } from 'commander';
import { BadConfiguration } from './commands/bad-configuration.ts';
import type { Selection } from './commands/sessions.ts';
import { ConfigError } from './config/problem.ts';

/** Exit codes: 0 fine, 1 failed while running, 2 called wrongly or with a bad configuration. */
const FAILED = 1;
const BAD_USAGE = 2;

// Commands load what they run only when they run, so that `postern --help` does not start a gateway's worth of modules.
const program = new Command('postern')
  .description('A gateway that lets legacy logins into the world of OAuth')
  .exitOverride()
  .showHelpAfterError();

program
  .command('serve')
  .description('run the gateway in the foreground; SIGTERM drains')
  .argument('[file]', 'the configuration', 'gateway.yaml')
  .action(async (file: string) => (await import('./commands/serve.ts')).serve(file));

program
  .command('check')
  .description('say all that is wrong with a configuration')
  .argument('[file]', 'the configuration', 'gateway.yaml')
  .action(async (file: string) => (await import('./commands/check.ts')).check(file));

program
  .command('hash')
  .description('read a password from standard input and print its argon2id hash, for users.yaml')
  .action(async () => (await import('./commands/hash.ts')).hash());

const sessions = program
  .command('sessions')
  .description('see and end the sessions that a running gateway has of a user');

sessionsCommand('list', 'print them').action(async (file: string, selection: Selection) =>
  (await import('./commands/sessions.ts')).listSessions(file, selection),
);

sessionsCommand('revoke', 'end them, and the access tokens that came from them').action(
  async (file: string, selection: Selection) =>
    (await import('./commands/sessions.ts')).revokeSessions(file, selection),
);

function sessionsCommand(name: string, description: string): Command {
  return sessions
    .command(name)
    .description(description)
    .argument('[file]', 'the configuration, which says where the gateway has its admin address', 'gateway.yaml')
    .requiredOption('--user <username>', 'whose sessions')
    .option('--client <id>', 'only those of this client')
    .addOption(new Option('--format <format>', 'how to print').choices(['table', 'json']).default('table'));
}

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = exitCode(error);
}

function exitCode(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : BAD_USAGE;
  process.stderr.write(`${error instanceof Error ? describe(error) : String(error)}\n`);
  return error instanceof ConfigError || error instanceof BadConfiguration ? BAD_USAGE : FAILED;
}

/** Problems of a file are lines that begin with its name; anything else says who speaks. */
function describe(error: Error): string {
  if (error instanceof ConfigError) return error.message;
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
