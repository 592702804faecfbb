#!/usr/bin/env node
import { createRequire } from 'node:module';
import { Command, CommanderError, Option } from 'commander';
import { BadConfiguration } from './commands/bad-configuration.ts';
import { BadUsage } from './commands/bad-usage.ts';
import type { CheckOptions } from './commands/check.ts';
import type { ExplainOptions } from './commands/explain.ts';
import type { ImportOptions } from './commands/import.ts';
import type { LearnOptions } from './commands/learn.ts';
import type { Selection } from './commands/sessions.ts';
import { ConfigError } from './config/problem.ts';
import { withCause } from './errors.ts';
import { UnreadableRequest } from './explain/request.ts';

/** Exit codes: 0 fine, 1 failed while running, 2 called wrongly or with a bad configuration. */
const FAILED = 1;
const BAD_USAGE = 2;

const NO_LINES: readonly string[] = [];

// Commands load what they run only when they run, so that `postern --help` does not start a gateway's worth of modules.
const program = new Command('postern')
  .description('A gateway that lets legacy logins into the world of OAuth')
  .version(packageVersion())
  .exitOverride()
  .showHelpAfterError();

program
  .command('serve')
  .description('run the gateway in the foreground; SIGTERM drains, SIGHUP reloads')
  .argument('[file]', 'the configuration', 'gateway.yaml')
  .action(async (file: string) => (await import('./commands/serve.ts')).serve(file));

program
  .command('check')
  .description('say all that is wrong with configurations and with the files that they name')
  .argument('[files...]', 'the configurations', ['gateway.yaml'])
  .addOption(new Option('--format <format>', 'how to print it').choices(['text', 'json', 'sarif', 'github']))
  .option('--online', 'also try what they point at: Redis, user stores, upstreams, keys of others')
  .option('--against <openapi>', 'an OpenAPI description that the routes should agree with')
  .option('--base-path <path>', 'the path of the API, instead of that of its server in the description')
  .option('--prefix <path>', 'what the gateway has before that path')
  .option('--host <host>', 'the host under which the gateway has the API')
  .action(async (files: string[], options: CheckOptions) => {
    const result = await (await import('./commands/check.ts')).check(files, options);
    process.exitCode = { sound: 0, 'not working': FAILED, mistaken: BAD_USAGE }[result];
  });

program
  .command('import')
  .description('write the routes of an OpenAPI description')
  .argument('<openapi>', 'the description: OpenAPI 3.0 or 3.1, YAML or JSON')
  .requiredOption('--upstream <name>', 'where its requests go')
  .option('--into <file>', 'add them to this configuration, instead of printing them')
  .option('--base-path <path>', 'the path of the API, instead of that of its server in the description')
  .option('--prefix <path>', 'what the gateway has before that path, and cuts off again')
  .option('--host <host>', 'the host that the routes are for')
  .addOption(
    new Option('--without-security <access>', 'what operations become of which nobody says who may call them')
      .choices(['token', 'public'])
      .default('token'),
  )
  .action(async (file: string, options: ImportOptions) =>
    (await import('./commands/import.ts')).importDescription(file, options),
  );

program
  .command('learn')
  .description('draft routes from the requests of an access log')
  .argument('<log>', "the gateway's own, or in the Common or Combined format; - for standard input")
  .requiredOption('--upstream <name>', 'where these requests go')
  .option('--into <file>', 'add them to this configuration, instead of printing them')
  .option('--values <count>', 'how many names may stand in one place before they are taken for values', '50')
  .action(async (file: string, options: LearnOptions) => (await import('./commands/learn.ts')).learn(file, options));

program
  .command('routes')
  .description('print the routes in the order in which they are looked at')
  .argument('[file]', 'the configuration', 'gateway.yaml')
  .addOption(new Option('--format <format>', 'how to print them').choices(['text', 'json', 'markdown']).default('text'))
  .action(async (file: string, { format }) => (await import('./commands/routes.ts')).printRoutes(file, format));

program
  .command('explain')
  .description('say what becomes of a request, or what became of one that was refused, and why; nothing is sent')
  .usage('[options] <METHOD> <URL> [FILE] | --request <id> [FILE]')
  .argument('[words...]', 'a method, a URL or a path, and the configuration (default: gateway.yaml)')
  .option('--token <token>', 'the access token')
  .option('--claims <json>', 'the claims of an access token that is taken as verified')
  .option(
    '--header <line>',
    "another header, as in 'X-Name: value'; may be repeated",
    (line, lines) => [...lines, line],
    NO_LINES,
  )
  .option('--request <id>', 'a refused request, which the running gateway remembers')
  .option('--admin <url>', 'ask the gateway that has this admin address, and not the configuration')
  .addOption(new Option('--admin-token <token>', 'for the admin address').env('POSTERN_ADMIN_TOKEN'))
  .addOption(new Option('--format <format>', 'how to print it').choices(['text', 'json']).default('text'))
  .action(async (words: string[], options: ExplainOptions) =>
    (await import('./commands/explain.ts')).explain(words, options),
  );

program
  .command('schema')
  .description('print the JSON Schema of gateway.yaml, for editors')
  .action(async () => (await import('./commands/schema.ts')).printSchema());

program
  .command('hash')
  .description('read a password from standard input and print its argon2id hash, for users.yaml')
  .action(async () => (await import('./commands/hash.ts')).hash());

program
  .command('client')
  .description('make clients')
  .command('new')
  .description('make a client: its entry for `clients` on standard output, its secret on standard error')
  .option('--name <name>', 'for those who read the configuration')
  .addOption(
    new Option('--auth <method>', 'how it authenticates')
      .choices(['none', 'client_secret_basic', 'client_secret_post', 'client_secret_jwt', 'private_key_jwt'])
      .default('client_secret_basic'),
  )
  .action(async (options) => (await import('./commands/client.ts')).newClient(options));

const keys = program.command('keys').description('the keys that tokens are signed with');

keys
  .command('list')
  .description('say which key signs, which comes next and which only verifies')
  .argument('[file]', 'the configuration', 'gateway.yaml')
  .addOption(new Option('--format <format>', 'how to print them').choices(['table', 'json']).default('table'))
  .action(async (file: string, { format }) => (await import('./commands/keys.ts')).listKeys(file, format));

keys
  .command('rotate')
  .description('make the next key: published now, signing after tokens.signing.overlap')
  .argument('[file]', 'the configuration', 'gateway.yaml')
  .option('--now', 'sign with it at once', false)
  .option(
    '--withdraw-others',
    'for keys that others may know: sign with it at once, and end every token of all other keys',
    false,
  )
  .action(async (file: string, request) => (await import('./commands/keys.ts')).rotateKeys(file, request));

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

// `postern routes | head` has read enough: that is no failure.
process.stdout.on('error', ({ code }: NodeJS.ErrnoException) =>
  process.exit(code === 'EPIPE' ? process.exitCode : FAILED),
);

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = exitCode(error);
}

/** Of the package that this file is in, wherever it was compiled to. */
function packageVersion(): string {
  return createRequire(import.meta.url)('postern/package.json').version;
}

function exitCode(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : BAD_USAGE;
  process.stderr.write(`${error instanceof Error ? describe(error) : String(error)}\n`);
  const isBadUsage = [ConfigError, BadConfiguration, BadUsage, UnreadableRequest].some((kind) => error instanceof kind);
  return isBadUsage ? BAD_USAGE : FAILED;
}

/** Problems of a file are lines that begin with its name; anything else says who speaks. */
function describe(error: Error): string {
  return error instanceof ConfigError ? error.message : withCause(error);
}
