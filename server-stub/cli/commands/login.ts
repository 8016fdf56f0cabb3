import { readContexts, contextsFile, writeContexts } from '../contexts.js';
import type { CliCommand } from '../cli-command.js';

export const login: CliCommand = {
  words: 'login',
  summary: 'Find the server and keep it as the current context. The kernel says who you are: there is no password.',
  configure: (command) => command.option('--context <name>', 'name of the context (default: the trust domain)'),
  run: async (invocation) => {
    const client = await invocation.connect();
    const info = await client.call('trustdomain.TrustDomainInfo', { trustDomain: '' });
    const name = invocation.text('context') || info.trustDomain;
    const file = contextsFile(invocation.terminal.env);
    const { servers } = await readContexts(file);
    const server = `unix://${client.address.path}`;
    await writeContexts(file, { current: name, servers: { ...servers, [name]: server } });
    return {
      text: `Logged in to ${info.trustDomain} at ${server}.\nThe current context is now ${JSON.stringify(name)}.\n`,
      json: { context: name, server, trustDomain: info.trustDomain },
    };
  },
};
