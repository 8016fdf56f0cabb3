import type { CliCommand } from '../cli-command.js';
import { goTime, jsonTime, table } from '../output.js';

export const clusterList: CliCommand = {
  words: 'cluster list',
  summary: 'Show the registered clusters.',
  configure: (command) => command.option('--trust-domain <name>', "trust domain (default: the server's own)"),
  run: async (invocation) => {
    const client = await invocation.connect();
    const { clusters } = await client.call('cluster.ListClusters', { trustDomain: invocation.text('trustDomain') });
    return {
      text: table(
        ['Cluster ID', 'Name', 'Platform', 'Registered At', 'Keys', 'Agents'],
        clusters.map((cluster) => [
          cluster.id,
          cluster.name,
          cluster.platform,
          goTime(cluster.registeredAtMs),
          String(cluster.keys),
          String(cluster.agents),
        ]),
      ),
      json: clusters.map(({ registeredAtMs, ...cluster }) => ({ ...cluster, registeredAt: jsonTime(registeredAtMs) })),
    };
  },
};
