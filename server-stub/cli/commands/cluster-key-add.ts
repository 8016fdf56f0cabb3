import type { CliCommand } from '../cli-command.js';
import { createClusterKey, keepingKey, keyJson, keyText } from '../cluster-key.js';

export const clusterKeyAdd: CliCommand = {
  words: 'cluster key add',
  summary: 'Make another key for the agents of a cluster; with ten keys the oldest one is deleted.',
  configure: (command) =>
    command
      .requiredOption('--cluster-id <id>', 'cluster')
      .option('--key-file <file>', 'write the private key there (0600) instead of showing it'),
  run: async (invocation) => {
    const keyFile = invocation.text('keyFile');
    const client = await invocation.connect();
    const key = createClusterKey();
    const { clusterVersionId } = await keepingKey(keyFile, key, () =>
      client.call('cluster.AddClusterKey', { clusterId: invocation.text('clusterId'), publicKey: key.publicKey }),
    );
    return {
      text: `Cluster Version ID: ${clusterVersionId}\n${keyText(keyFile, key)}`,
      json: { clusterVersionId, ...keyJson(keyFile, key) },
    };
  },
};
