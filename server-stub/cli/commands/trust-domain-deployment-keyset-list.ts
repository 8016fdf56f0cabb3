import type { CliCommand } from '../cli-command.js';
import { keysetJson, keysetTable } from '../keyset-rows.js';
import { deploymentOf, deploymentOptions } from '../keyset-step.js';

export const keysetList: CliCommand = {
  words: 'trust-domain deployment keyset list',
  summary: 'Show the signing keysets of a deployment, newest first. Never waits.',
  configure: deploymentOptions,
  run: async (invocation) => {
    const client = await invocation.connect();
    const answer = await client.call('trustdomain.TrustDomainSigningAuthorityStatus', deploymentOf(invocation));
    return {
      text: answer.signingAuthorityStatuses
        .map(
          ({ trustDomainDeploymentName, signingKeys }) =>
            `Deployment: ${trustDomainDeploymentName}\nSigning Keys:\n${keysetTable(signingKeys)}`,
        )
        .join('\n'),
      json: answer.signingAuthorityStatuses.map((status) => ({
        deployment: status.trustDomainDeploymentName,
        deploymentId: status.trustDomainDeploymentId,
        signingKeys: keysetJson(status.signingKeys),
      }))[0],
    };
  },
};
