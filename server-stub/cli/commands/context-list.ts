import { contextsFile, readContexts } from '../contexts.js';
import type { CliCommand } from '../cli-command.js';
import { table } from '../output.js';

export const contextList: CliCommand = {
  words: 'context list',
  summary: 'Show the servers that were logged in to.',
  run: async ({ terminal }) => {
    const { current, servers } = await readContexts(contextsFile(terminal.env));
    const rows = Object.entries(servers).map(([name, server]) => [name === current ? '*' : '', name, server]);
    return { text: table(['Current', 'Context', 'Server'], rows), json: { current: current ?? null, servers } };
  },
};
