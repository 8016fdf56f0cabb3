import { Option, type Command } from 'commander';
import { between, collect, positive, seeds } from './flag-values.js';
import { liveCommand, type LiveCommandOptions } from './live-command.js';
import type { PerfTerminal } from './perf-terminal.js';

/** Adds `live` to the program. */
export function addLive(root: Command, terminal: PerfTerminal): void {
  const live = root
    .command('live')
    .description(
      'Run scenarios with real agents and a real server, which is started in a temporary directory and ends with the run.',
    )
    .argument('<scenarios...>', 'files or names of examples; at most 2,000 agents, 50,000 SVIDs, 1 replica, 30 minutes')
    .option('--seed <n,...>', 'what chance is drawn from, as in simulate; several seeds give several runs', seeds, [1])
    .option('--set <setting=value>', 'another value for a setting; may be repeated', collect, [])
    .option('--compare', 'simulate the same scenario and seed, too, and print both with the error of each figure')
    .option('--capacity <n>', 'SVIDs per second of the server, from 1 (default: measured before each run)', positive)
    .option('--processes <n>', 'processes of the agents, from 1 to 8', between(1, 8), 2)
    .option('--full-agents <n>', 'whole agents with Unix sockets beside the light ones, 0 to 20', between(0, 20), 0)
    .option('--workloads <n>', 'workloads of each full agent, from 1 to 200', between(1, 200), 5);
  addServer(live)
    .addOption(new Option('-o, --output <format>', 'output').choices(['text', 'json']).default('text'))
    .option('--html <file>', 'write the report, or the comparison, as a page of its own, too')
    .option('--results <file>', 'keep each run in this file; runs that are in it already are not repeated')
    .option('--markdown <file>', 'write a page about all runs, with plots in a folder beside it; with --compare')
    .action((scenarios: string[], options: LiveCommandOptions) => liveCommand(terminal, scenarios, options));
}

function addServer(live: Command): Command {
  return live
    .option('--server <host:port>', 'a server that runs already; of this machine, unless --allow-remote says otherwise')
    .option('--allow-remote', 'the server may be another machine’s: it gets the load of a whole fleet')
    .option('--server-name <name>', 'name in the TLS handshake, with --server')
    .option('--cluster-id <id>', 'cluster of the agents, with --server')
    .option('--cluster-version-id <id>', 'key of that cluster, with --server')
    .option('--key-file <file>', 'private key of the cluster, PEM, with --server')
    .option('--bootstrap-file <file>', 'session CA certificates of the server, PEM, with --server')
    .option('--admin-socket <path>', 'where the steps of the rotation are run, with --server');
}
