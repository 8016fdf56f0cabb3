import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { fetchBundle, type BundleOptions } from './bundle-command.js';
import { UsageError } from './endpoint.js';
import { fetchJwt, fetchX509, validateJwt, type CommonOptions } from './fetch-commands.js';
import type { Terminal } from './terminal.js';
import { watchX509 } from './watch-command.js';

/** Runs one command. Returns the exit code: 0, 1 (refused or failed), 2 (usage). */
export async function runSpirldbg(args: readonly string[], version: string, terminal: Terminal): Promise<number> {
  try {
    await program(version, terminal).parseAsync(args, { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (error instanceof UsageError) {
      terminal.err(`Error: ${error.message}\n`);
      return 2;
    }
    if (terminal.signal.aborted) return 130;
    terminal.err(`Error: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
}

function program(version: string, terminal: Terminal): Command {
  const root = new Command('spirldbg')
    .description('Workload-side client of the SPIFFE Workload API: fetch, watch and validate SVIDs.')
    .version(version)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.out(text),
      writeErr: (text) => terminal.err(text),
      outputError: (text, write) => write(text.replace(/^error:/, 'Error:')),
    })
    .showHelpAfterError('(add --help for the options)');
  addX509(root, terminal);
  addJwt(root, terminal);
  addBundle(root, terminal);
  addWatch(root, terminal);
  addValidate(root, terminal);
  return root;
}

function command(root: Command, name: string, description: string): Command {
  return root
    .command(name)
    .description(description)
    .option(
      '--spiffe-endpoint-socket <path or URI>',
      'socket of the Workload API (default: the variable SPIFFE_ENDPOINT_SOCKET)',
    )
    .addOption(new Option('-o, --output <format>', 'output').choices(['text', 'json']).default('text'))
    .option('--timeout <seconds>', 'how long to wait for an answer', positive, 10);
}

function addX509(root: Command, terminal: Terminal): void {
  command(root, 'svid-x509', 'Fetch the X.509-SVIDs of this process.')
    .option('--write <dir>', 'write svid.pem, svid_key.pem (0600) and bundle.pem of the first identity there')
    .action((options: CommonOptions & { write?: string }) => fetchX509(terminal, options));
}

function addJwt(root: Command, terminal: Terminal): void {
  command(root, 'svid-jwt', 'Fetch JWT-SVIDs of this process and print the tokens.')
    .requiredOption('--audience <audience>', 'whom the token is for; may be repeated', collect, [])
    .option('--spiffe-id <id>', 'only for this identity', '')
    .option('--filename <file>', 'write the first token there (0600) instead of printing it')
    .action((options: CommonOptions & { audience: string[]; spiffeId: string; filename?: string }) => {
      if (options.audience.length === 0) throw new UsageError('--audience is required');
      return fetchJwt(terminal, options);
    });
}

function addBundle(root: Command, terminal: Terminal): void {
  command(root, 'bundle', 'Fetch a trust bundle.')
    .addOption(new Option('--format <format>', 'form').choices(['pem', 'spiffe', 'jwks']).default('pem'))
    .option('--trust-domain <name>', 'of this trust domain (default: the own one)')
    .action((options: BundleOptions) => fetchBundle(terminal, options));
}

function addWatch(root: Command, terminal: Terminal): void {
  command(root, 'watch', 'Print each update of the X.509-SVIDs until Ctrl-C.')
    .option('--count <n>', 'end after so many updates', positive)
    .action((options: CommonOptions & { count?: number }) => watchX509(terminal, options));
}

function addValidate(root: Command, terminal: Terminal): void {
  command(root, 'validate', 'Have a JWT-SVID validated.')
    .requiredOption('--audience <audience>', 'whom the token must be for')
    .argument('<token>', 'the token, or - to read it from standard input')
    .action((token: string, options: CommonOptions & { audience: string }) => validateJwt(terminal, options, token));
}

function collect(value: string, before: readonly string[]): string[] {
  if (value === '') throw new InvalidArgumentError('an audience must not be empty');
  return [...before, value];
}

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('a whole number above 0 is expected');
  return value;
}
