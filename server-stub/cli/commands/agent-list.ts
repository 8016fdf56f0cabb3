import type { CliCommand } from '../cli-command.js';
import { goTime, jsonTime, table } from '../output.js';

export const agentList: CliCommand = {
  words: 'agent list',
  summary: 'Show the agents that logged in, and how many SVIDs of each keyset they hold.',
  configure: (command) => command.option('--cluster-id <id>', 'only agents of this cluster'),
  run: async (invocation) => {
    const client = await invocation.connect();
    const { agents } = await client.call('cluster.ListAgents', { clusterId: invocation.text('clusterId') });
    return {
      text: table(
        ['Agent ID', 'Cluster', 'Node', 'Version', 'Connected', 'Session Expires At', 'SVIDs'],
        agents.map((agent) => [
          agent.id,
          agent.clusterName,
          agent.nodeName,
          agent.version,
          agent.connected ? 'yes' : 'no',
          goTime(agent.sessionExpiresAtMs),
          heldText(agent.svidsPerKeyset),
        ]),
      ),
      json: agents.map(({ loggedInAtMs, sessionExpiresAtMs, ...agent }) => ({
        ...agent,
        loggedInAt: jsonTime(loggedInAtMs),
        sessionExpiresAt: jsonTime(sessionExpiresAtMs),
      })),
    };
  },
};

function heldText(held: Readonly<Record<string, number>>): string {
  const texts = Object.entries(held).map(([keysetId, count]) => `${keysetId}: ${count}`);
  return texts.length === 0 ? '-' : texts.join(', ');
}
