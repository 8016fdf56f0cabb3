import type { CliCommand } from '../cli-command.js';

export const dev: CliCommand = {
  words: 'dev',
  summary: 'Run a trust domain on this machine: one server, one agent.',
  run: () => Promise.resolve(undefined),
};
