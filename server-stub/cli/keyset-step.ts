import type { Command } from 'commander';
import { MUTATION_MS, type AdminClient } from './admin-client.js';
import type { DeploymentName } from './admin-messages.js';
import type { Answer, CliCommand, Invocation } from './cli-command.js';
import { keysetJson } from './keyset-rows.js';
import { tellingWait } from './waiting.js';

/** Adds what each keyset command needs: which deployment. */
export function deploymentOptions(command: Command): Command {
  return command
    .requiredOption('--trust-domain <name>', 'trust domain')
    .requiredOption('--deployment-name <name>', 'deployment of the trust domain');
}

export function deploymentOf(invocation: Invocation): DeploymentName {
  return { trustDomain: invocation.text('trustDomain'), deploymentName: invocation.text('deploymentName') };
}

/** Runs a keyset mutation, telling on standard error what the server is waiting for. */
export function mutate<T>(
  { terminal }: Invocation,
  client: AdminClient,
  deployment: DeploymentName,
  work: Promise<T>,
): Promise<T> {
  return tellingWait(terminal, work, async () => {
    const { signingAuthorityStatuses } = await client.call('trustdomain.TrustDomainSigningAuthorityStatus', deployment);
    return signingAuthorityStatuses[0]?.mutationUnderWay || 'the server to publish the change';
  });
}

function stillVerifies(keysetId: string): string {
  return (
    `Note: X.509-SVIDs of ${keysetId} verify until they end, because other keysets chain to the same upstream root, ` +
    'which stays in the trust bundle.\n'
  );
}

/** The commands that move one keyset: `activate`, `taint`, `remove`. */
export function keysetStep(step: {
  readonly verb: 'activate' | 'taint' | 'remove';
  readonly done: 'activated' | 'tainted' | 'removed';
  readonly method:
    'trustdomain.ActivateDeploymentKeySet' | 'trustdomain.TaintDeploymentKeySet' | 'trustdomain.RemoveDeploymentKeySet';
  readonly summary: string;
}): CliCommand {
  return {
    words: `trust-domain deployment keyset ${step.verb}`,
    summary: step.summary,
    configure: (command) => deploymentOptions(command.argument('<keyset-id>', 'keyset, as list shows it')),
    run: async (invocation): Promise<Answer> => {
      const [keySetId, deployment] = [invocation.arg(0), deploymentOf(invocation)];
      const client = await invocation.connect();
      const call = client.call(step.method, { deployment, keySetId }, MUTATION_MS);
      const { signingKeys, unchanged, rootStillTrusted } = await mutate(invocation, client, deployment, call);
      // Beside what scripts read from standard output.
      if (rootStillTrusted) invocation.terminal.err(stillVerifies(keySetId));
      return {
        text: `Keyset ${keySetId} ${step.done}.\n`,
        json: {
          keysetId: keySetId,
          unchanged,
          ...(step.verb === 'remove' && { rootStillTrusted }),
          signingKeys: keysetJson(signingKeys),
        },
      };
    },
  };
}
