import { MUTATION_MS } from '../admin-client.js';
import type { CliCommand } from '../cli-command.js';
import { deploymentOf, deploymentOptions, mutate } from '../keyset-step.js';

export const keysetRewrap: CliCommand = {
  words: 'trust-domain deployment keyset rewrap',
  summary: 'Put all sealed keys under the newest version of the key-encrypting key, after it was rotated.',
  configure: deploymentOptions,
  run: async (invocation) => {
    const deployment = deploymentOf(invocation);
    const client = await invocation.connect();
    const call = client.call('trustdomain.RewrapDeploymentKeySets', { deployment }, MUTATION_MS);
    const { provider, key, records } = await mutate(invocation, client, deployment, call);
    const width = Math.max(...records.map(({ name }) => name.length));
    const rows = records.map(
      ({ name, rewrapped }) => `${name.padEnd(width)}  ${rewrapped ? 'rewrapped' : 'up to date'}\n`,
    );
    const changed = records.filter(({ rewrapped }) => rewrapped).length;
    return {
      text: `${rows.join('')}${changed} of ${records.length} sealed records rewrapped by ${provider} with key ${key}.\n`,
      json: { provider, key, records },
    };
  },
};
