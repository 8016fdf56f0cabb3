import type { CliCommand } from '../cli-command.js';

export const agentEvict: CliCommand = {
  words: 'agent evict',
  summary: "End an agent's session at once. To keep it out, delete the cluster key that it uses.",
  configure: (command) => command.argument('<agent-id>', 'agent, as list shows it'),
  run: async (invocation) => {
    const agentId = invocation.arg(0);
    const client = await invocation.connect();
    await client.call('cluster.EvictAgent', { agentId });
    return { text: `Agent ${agentId} evicted.\n`, json: { agentId, evicted: true } };
  },
};
