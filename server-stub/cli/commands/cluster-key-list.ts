import type { CliCommand } from '../cli-command.js';
import { goTime, jsonTime, table } from '../output.js';

export const clusterKeyList: CliCommand = {
  words: 'cluster key list',
  summary: 'Show the keys of a cluster.',
  configure: (command) => command.requiredOption('--cluster-id <id>', 'cluster'),
  run: async (invocation) => {
    const client = await invocation.connect();
    const { keys } = await client.call('cluster.ListClusterKeys', { clusterId: invocation.text('clusterId') });
    return {
      text: table(
        ['Cluster Version ID', 'Added At', 'Fingerprint (SHA-256)'],
        keys.map((key) => [key.clusterVersionId, goTime(key.addedAtMs), key.fingerprint]),
      ),
      json: keys.map(({ addedAtMs, ...key }) => ({ ...key, addedAt: jsonTime(addedAtMs) })),
    };
  },
};
