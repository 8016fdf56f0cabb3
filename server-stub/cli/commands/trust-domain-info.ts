import { formatDuration } from 'spirl-agent/runtime/duration.js';
import type { SigningAuthorityStatus } from '../admin-messages.js';
import type { CliCommand } from '../cli-command.js';
import { keysetJson, keysetTable, typeOf } from '../keyset-rows.js';
import { colonHex, goTime, jsonTime, table } from '../output.js';

export const trustDomainInfo: CliCommand = {
  words: 'trust-domain info',
  summary: 'Show a trust domain: its ids, rotation schedule, keysets and their fingerprints.',
  configure: (command) => command.option('--trust-domain <name>', "trust domain (default: the server's own)"),
  run: async (invocation) => {
    const client = await invocation.connect();
    const info = await client.call('trustdomain.TrustDomainInfo', { trustDomain: invocation.text('trustDomain') });
    const facts = [
      ['Trust Domain', info.trustDomain],
      ['Trust Domain ID', info.trustDomainId],
      ['Bundle Endpoint', info.bundleEndpoint || 'none'],
      ['Bundle Sequence', String(info.bundleSequence)],
      ['Server Version', info.serverVersion],
    ];
    return {
      text: [
        facts.map(([label, value]) => `${label}: ${value}\n`).join(''),
        ...info.signingAuthorityStatuses.map(deploymentText),
      ].join('\n'),
      json: {
        trustDomain: info.trustDomain,
        trustDomainId: info.trustDomainId,
        bundleEndpoint: info.bundleEndpoint,
        bundleSequence: info.bundleSequence,
        serverVersion: info.serverVersion,
        deployments: info.signingAuthorityStatuses.map(deploymentJson),
      },
    };
  },
};

function deploymentText(status: SigningAuthorityStatus): string {
  const { trustDomainDeploymentName, trustDomainDeploymentId, rotationSchedule, signingKeys, mutationUnderWay } =
    status;
  const schedule =
    rotationSchedule === null
      ? 'Rotation Schedule: none\n'
      : 'Rotation Schedule:\n' +
        `  Last Rotated At: ${goTime(rotationSchedule.lastRotatedAtMs)}\n` +
        `  Preparation Threshold: ${formatDuration(rotationSchedule.preparationThresholdMs)} before the active keyset expires\n` +
        `  Activation Threshold: ${formatDuration(rotationSchedule.activationThresholdMs)} of age\n`;
  return (
    `Deployment: ${trustDomainDeploymentName}\nDeployment ID: ${trustDomainDeploymentId}\n${schedule}` +
    (mutationUnderWay === '' ? '' : `Mutation Under Way: ${mutationUnderWay}\n`) +
    `Signing Keys:\n${keysetTable(signingKeys)}Fingerprints (SHA-256):\n` +
    table(
      ['Type', 'Keyset ID', 'Held by Agents', 'Fingerprint'],
      signingKeys.map((key) => [
        typeOf(key),
        key.keyId,
        key.keyType === 'KEY_TYPE_X509' ? String(key.agentSvids) : '-',
        colonHex(key.fingerprint),
      ]),
    )
  );
}

function deploymentJson(status: SigningAuthorityStatus): object {
  const { rotationSchedule: schedule } = status;
  return {
    deployment: status.trustDomainDeploymentName,
    deploymentId: status.trustDomainDeploymentId,
    rotationSchedule:
      schedule === null
        ? null
        : {
            lastRotatedAt: jsonTime(schedule.lastRotatedAtMs),
            preparationThreshold: formatDuration(schedule.preparationThresholdMs),
            activationThreshold: formatDuration(schedule.activationThresholdMs),
          },
    mutationUnderWay: status.mutationUnderWay,
    signingKeys: keysetJson(status.signingKeys),
  };
}
