import { Option } from 'commander';
import type { CliCommand } from '../cli-command.js';
import { createClusterKey, keepingKey, keyJson, keyText } from '../cluster-key.js';

export const clusterRegister: CliCommand = {
  words: 'cluster register',
  summary: 'Register a cluster (or node group) and make the key of its agents.',
  configure: (command) =>
    command
      .argument('<name>', 'name of the cluster; it becomes part of SPIFFE IDs')
      .requiredOption('--trust-domain <name>', 'trust domain')
      .addOption(new Option('--platform <platform>', 'where its agents run').choices(['k8s', 'linux']).default('linux'))
      .option('--key-file <file>', 'write the private key there (0600) instead of showing it'),
  run: async (invocation) => {
    const [name, keyFile] = [invocation.arg(0), invocation.text('keyFile')];
    const client = await invocation.connect();
    const key = createClusterKey();
    const { clusterId, clusterVersionId } = await keepingKey(keyFile, key, () =>
      client.call('cluster.RegisterCluster', {
        name,
        trustDomain: invocation.text('trustDomain'),
        platform: invocation.text('platform'),
        publicKey: key.publicKey,
      }),
    );
    return {
      text:
        'Cluster registered successfully!\n' +
        `Cluster ID: ${clusterId}\nCluster Version ID: ${clusterVersionId}\n${keyText(keyFile, key)}`,
      json: { clusterId, clusterVersionId, ...keyJson(keyFile, key) },
    };
  },
};
