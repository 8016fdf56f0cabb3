import type { CliCommand } from '../cli-command.js';

export const version: CliCommand = {
  words: 'version',
  summary: 'Show the version of spirlctl.',
  run: ({ terminal }) =>
    Promise.resolve({ text: `spirlctl ${terminal.version}\n`, json: { spirlctl: terminal.version } }),
};
