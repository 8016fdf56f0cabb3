import type { CliCommand } from '../cli-command.js';
import { parseDevOptions } from '../dev/dev-options.js';
import { runDev } from '../dev/run-dev.js';

export const dev: CliCommand = {
  words: 'dev',
  summary: 'Run a trust domain on this machine: one server, one agent. "npm start" is this command.',
  configure: (command) =>
    command
      .option('--dir <dir>', 'state directory (default: .spirl in the clone)')
      .option('--trust-domain <name>', 'trust domain of a new directory (default: example.org)')
      .option('--deployment <name>', 'deployment of a new directory (default: default)')
      .option('--agent-metrics-port <port>', "port of the agent's metrics; 0 takes a free one", '0')
      .option('--server-metrics-port <port>', "port of the server's metrics; 0 takes a free one", '0')
      .option('--server-port <port>', "port of the agents' endpoint; 0 takes a free one", '0')
      .option('--lab-taint-delay-max <duration>', 'shorter random wait before a taint renewal, for demonstrations')
      .option('--lab-ttl', 'allow SVIDs that live for seconds, for demonstrations'),
  run: async (invocation) => {
    await runDev(parseDevOptions(invocation), invocation.output, invocation.terminal);
    return undefined;
  },
};
