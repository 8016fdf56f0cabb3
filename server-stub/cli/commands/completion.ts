import { Argument } from 'commander';
import type { CliCommand } from '../cli-command.js';
import { completionScript, type Shell } from '../completion-script.js';

export const completion: CliCommand = {
  words: 'completion',
  summary: 'Print a completion script; source it in the shell.',
  configure: (command) =>
    command.addArgument(new Argument('<shell>', 'for which shell').choices(['bash', 'zsh', 'fish'])),
  run: (invocation) => {
    const text = completionScript(invocation.arg(0) as Shell);
    return Promise.resolve({ text, json: { script: text } });
  },
};
