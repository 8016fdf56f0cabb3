import { Command, CommanderError, Option } from 'commander';
import { collect, positive, time, whole } from './flag-values.js';
import { addLive } from './live-program.js';
import { planCommand, type PlanOptions } from './plan-command.js';
import type { PerfTerminal } from './perf-terminal.js';
import { simulateCommand, type SimulateOptions } from './simulate-command.js';

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
    .option(
      '--capacity-from <file>',
      'take servers.capacity from a results file of npm run bench, such as bench/results/baseline.json',
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
    .option(
      '--capacity-from <file>',
      'take servers.capacity from a results file of npm run bench, such as bench/results/baseline.json',
    )
    .addOption(new Option('-o, --output <format>', 'output').choices(['text', 'json']).default('text'))
    .action((scenario: string, options: PlanOptions) => {
      if (!planCommand(terminal, scenario, options)) throw new CommanderError(1, 'no-plan', 'no plan');
    });
}
