import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { parseDuration } from '../../src/runtime/duration.js';
import { liveCommand, type LiveCommandOptions } from './live-command.js';
import { planCommand, type PlanOptions } from './plan-command.js';
import type { PerfTerminal } from './perf-terminal.js';
import { simulateCommand, type SimulateOptions } from './simulate-command.js';

/** Runs of one command; each takes minutes. */
const MAX_SEEDS = 10;

/** Runs one command. Returns the exit code: 0, 1 (refused or failed), 2 (usage). */
export async function runSpirlPerf(args: readonly string[], version: string, terminal: PerfTerminal): Promise<number> {
  try {
    await program(version, terminal).parseAsync(args, { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : error.code === 'no-plan' ? 1 : 2;
    terminal.err(`Error: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
}

function program(version: string, terminal: PerfTerminal): Command {
  const root = new Command('spirl-perf')
    .description('What a rotation will do to a fleet, known before it is run.')
    .version(version)
    .exitOverride()
    .configureOutput({ writeOut: (text) => terminal.out(text), writeErr: (text) => terminal.err(text) })
    .showHelpAfterError('(add --help for the options)');
  root
    .command('simulate')
    .description('Simulate a scenario: a YAML file, or the name of an example.')
    .argument('<scenario>', 'file or name of an example (spirl-perf examples lists them)')
    .option('--seed <n>', 'what chance is drawn from; the same seed gives the same result', whole, 1)
    .option(
      '--set <setting=value>',
      'another value for a setting, such as agents.count=5000; may be repeated',
      collect,
      [],
    )
    .addOption(new Option('-o, --output <format>', 'output').choices(['text', 'json']).default('text'))
    .option('--html <file>', 'write the report as a page of its own, too')
    .action((scenario: string, options: SimulateOptions) => simulateCommand(terminal, scenario, options));
  addPlan(root, terminal);
  addLive(root, terminal);
  root
    .command('examples')
    .description('List the scenarios that come with the program.')
    .action(() => terminal.examples().forEach((name) => terminal.out(`${name.replace(/\.yaml$/, '')}\n`)));
  return root;
}

function addPlan(root: Command, terminal: PerfTerminal): void {
  root
    .command('plan')
    .description(
      'Find the delay, the rate and the order of steps that reach a goal, or say why none does (exit code 1).',
    )
    .argument('<scenario>', 'file or name of an example; its own replicas and quota are replaced by the goal’s')
    .requiredOption('--within <duration>', 'from the taint until every X.509-SVID is renewed, such as 3m', time)
    .option('--replicas <n>', 'server replicas at most (default: the scenario’s)', positive)
    .option('--kms-rate <n>', 'signatures per second at most (default: the scenario’s quota)', positive)
    .option('--may-wait <duration>', 'longest wait between activate and taint', time, 0)
    .option('--seed <n>', 'what chance is drawn from', whole, 1)
    .option('--set <setting=value>', 'another value for a setting; may be repeated', collect, [])
    .addOption(new Option('-o, --output <format>', 'output').choices(['text', 'json']).default('text'))
    .action((scenario: string, options: PlanOptions) => {
      if (!planCommand(terminal, scenario, options)) throw new CommanderError(1, 'no-plan', 'no plan');
    });
}

function addLive(root: Command, terminal: PerfTerminal): void {
  root
    .command('live')
    .description(
      'Run a scenario with real agents and a real server, which is started for it in a temporary directory and ends with it.',
    )
    .argument(
      '<scenario>',
      'file or name of an example; at most 2,000 agents and 50,000 SVIDs, one replica, 30 minutes',
    )
    .option('--seed <n,…>', 'what chance is drawn from, as in simulate; several seeds give several runs', seeds, [1])
    .option('--set <setting=value>', 'another value for a setting; may be repeated', collect, [])
    .option('--compare', 'simulate the same scenario and seed, too, and print both with the error of each figure')
    .option('--capacity <n>', 'SVIDs per second of the server (default: measured before the run)', positive)
    .option('--processes <n>', 'processes of the agents, from 1 to 8', between(1, 8), 2)
    .option(
      '--full-agents <n>',
      'whole agents with Unix sockets beside the light ones, from 0 to 20',
      between(0, 20),
      0,
    )
    .option('--workloads <n>', 'workloads of each full agent, from 1 to 200', between(1, 200), 5)
    .option(
      '--server <host:port>',
      'a server that is there already; of this machine, unless --allow-remote says otherwise',
    )
    .option('--allow-remote', 'the server may be another machine’s: it gets the load of a whole fleet')
    .option('--server-name <name>', 'name in the TLS handshake with --server')
    .option('--cluster-id <id>', 'cluster of the agents, with --server')
    .option('--cluster-version-id <id>', 'key of that cluster, with --server')
    .option('--key-file <file>', 'private key of the cluster, PEM, with --server')
    .option('--bootstrap-file <file>', 'session CA certificates of the server, PEM, with --server')
    .option('--admin-socket <path>', 'where the steps of the rotation are run, with --server')
    .addOption(new Option('-o, --output <format>', 'output').choices(['text', 'json']).default('text'))
    .option('--html <file>', 'write the report, or the comparison, as a page of its own, too')
    .option('--markdown <file>', 'write a page about all runs, with plots in a folder beside it; with --compare')
    .action((scenarios: string[], options: LiveCommandOptions) => liveCommand(terminal, scenarios, options));
}

function seeds(text: string): number[] {
  const values = text.split(',').map(whole);
  if (values.length > MAX_SEEDS) throw new InvalidArgumentError(`at most ${MAX_SEEDS} seeds are expected`);
  return values;
}

function between(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isSafeInteger(value) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`a whole number from ${least} to ${most} is expected`);
  };
}

function time(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined || ms > 86_400_000)
    throw new InvalidArgumentError('a duration from 0s to 24h is expected, such as 3m');
  return ms;
}

function positive(text: string): number {
  const value = whole(text);
  if (value === 0) throw new InvalidArgumentError('a whole number from 1 is expected');
  return value;
}

function collect(value: string, before: readonly string[]): string[] {
  if (!/^[A-Za-z0-9.]+=/.test(value)) throw new InvalidArgumentError('setting=value is expected');
  return [...before, value];
}

function whole(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0 || value > 2 ** 31) {
    throw new InvalidArgumentError('a whole number from 0 to 2147483648 is expected');
  }
  return value;
}
