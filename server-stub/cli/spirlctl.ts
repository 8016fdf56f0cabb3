import { Command, CommanderError, Option } from 'commander';
import { AdminClient } from './admin-client.js';
import { Invocation, type Answer, type CliCommand } from './cli-command.js';
import { COMMANDS, GROUPS } from './command-tree.js';
import { candidates, COMPLETE } from './completion-script.js';
import { contextsFile, readContexts } from './contexts.js';
import { failureText, UsageError } from './failure.js';
import { chooseServer } from './server-address.js';
import type { Terminal } from './terminal.js';

/** What a shell knows as "ended by Ctrl-C". */
const INTERRUPTED = 130;

/** Runs one command. Returns the exit code: 0, 1 (refused or failed), 2 (usage). */
export async function runSpirlctl(args: readonly string[], terminal: Terminal): Promise<number> {
  if (args[0] === COMPLETE) {
    terminal.out(
      candidates(commandTree(terminal), args.slice(1))
        .map((word) => `${word}\n`)
        .join(''),
    );
    return 0;
  }
  const clients: AdminClient[] = [];
  try {
    await commandTree(terminal, clients).parseAsync(args, { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (terminal.signal.aborted && error === terminal.signal.reason) return INTERRUPTED;
    terminal.err(`${failureText(error)}\n`);
    return error instanceof UsageError ? 2 : 1;
  } finally {
    for (const client of clients) client.close();
  }
}

/** The whole tree as commander sees it; `clients` collects what has to be closed. */
export function commandTree(terminal: Terminal, clients: AdminClient[] = []): Command {
  const root = new Command('spirlctl')
    .description('Command line of the operator: keysets, clusters, agents and configuration of a trust domain.')
    .version(terminal.version)
    .option('--server <socket>', 'admin socket of the server (default: SPIRL_SERVER, the current context, npm start)')
    .addOption(new Option('-o, --output <format>', 'output').choices(['text', 'json']).default('text'))
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.out(text),
      writeErr: (text) => terminal.err(text),
      outputError: (text, write) => write(text.replace(/^error:/, 'Error:')),
    })
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError('(add --help for the options)');
  for (const command of COMMANDS) add(root, command, terminal, clients);
  return root;
}

function add(root: Command, definition: CliCommand, terminal: Terminal, clients: AdminClient[]): void {
  const words = definition.words.split(' ');
  let parent = root;
  words.slice(0, -1).forEach((word, depth) => {
    const known = parent.commands.find((command) => command.name() === word);
    parent = known ?? group(parent, word, words.slice(0, depth + 1).join(' '));
  });
  const command = parent.command(words.at(-1) ?? '').description(definition.summary);
  command.copyInheritedSettings(parent).allowExcessArguments(false);
  definition.configure?.(command);
  command.action(async () => {
    refuseEmpty(command);
    const invocation = invocationOf(command, terminal, clients);
    const answer = await definition.run(invocation);
    if (answer !== undefined) terminal.out(rendered(answer, invocation.output));
  });
}

/** An empty text means unset, such as a variable of the shell that was never exported. Throws UsageError. */
function refuseEmpty(command: Command): void {
  const values = command.opts<Record<string, unknown>>();
  for (const option of command.options) {
    if (option.mandatory && values[option.attributeName()] === '') {
      throw new UsageError(`required option '${option.flags}' not specified: it is empty`);
    }
  }
  command.registeredArguments.forEach((argument, index) => {
    if (argument.required && command.processedArgs[index] === '') {
      throw new UsageError(`missing required argument '${argument.name()}': it is empty`);
    }
  });
}

function group(parent: Command, word: string, words: string): Command {
  return parent.command(word).description(GROUPS[words] ?? '');
}

function rendered(answer: Answer, output: 'text' | 'json'): string {
  return output === 'json' ? `${JSON.stringify(answer.json, null, 2)}\n` : answer.text;
}

function invocationOf(command: Command, terminal: Terminal, clients: AdminClient[]): Invocation {
  const options = command.optsWithGlobals<Record<string, unknown>>();
  return new Invocation({
    terminal,
    args: command.processedArgs.flat().filter((arg): arg is string => typeof arg === 'string'),
    options,
    connect: async () => {
      const flag = options['server'] as string | undefined;
      const variable = terminal.env['SPIRL_SERVER'];
      // Contexts that cannot be read do not stand in the way of an operator who names the server.
      const context = flag || variable ? undefined : await currentServer(terminal);
      const address = chooseServer({ flag, variable, context, packageRoot: terminal.packageRoot });
      const client = await AdminClient.connect(address, () => terminal.clock.now(), terminal.signal);
      clients.push(client);
      return client;
    },
  });
}

async function currentServer({ env }: Terminal): Promise<string | undefined> {
  const { current, servers } = await readContexts(contextsFile(env));
  return current === undefined ? undefined : servers[current];
}
