import { MUTATION_MS } from '../admin-client.js';
import type { CliCommand } from '../cli-command.js';
import { keysetJson } from '../keyset-rows.js';
import { deploymentOf, deploymentOptions, mutate } from '../keyset-step.js';

export const keysetPrepare: CliCommand = {
  words: 'trust-domain deployment keyset prepare',
  summary: 'Make a keyset and put it into the trust bundle; it does not sign yet.',
  configure: deploymentOptions,
  run: async (invocation) => {
    const deployment = deploymentOf(invocation);
    const client = await invocation.connect();
    const call = client.call('trustdomain.PrepareDeploymentKeySet', { deployment }, MUTATION_MS);
    const { keySetId, signingKeys } = await mutate(invocation, client, deployment, call);
    return {
      text: `Keyset ${keySetId} prepared.\n`,
      json: { keysetId: keySetId, signingKeys: keysetJson(signingKeys) },
    };
  },
};
