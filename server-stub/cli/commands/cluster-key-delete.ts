import type { CliCommand } from '../cli-command.js';

export const clusterKeyDelete: CliCommand = {
  words: 'cluster key delete',
  summary: 'Delete a key of a cluster; the sessions of the agents that used it end at once.',
  configure: (command) =>
    command.argument('<cluster-version-id>', 'key, as list shows it').requiredOption('--cluster-id <id>', 'cluster'),
  run: async (invocation) => {
    const clusterVersionId = invocation.arg(0);
    const client = await invocation.connect();
    await client.call('cluster.DeleteClusterKey', { clusterId: invocation.text('clusterId'), clusterVersionId });
    return { text: `Key ${clusterVersionId} deleted.\n`, json: { clusterVersionId, deleted: true } };
  },
};
