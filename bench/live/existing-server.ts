import { isIP } from 'node:net';
import type { Clock } from '../../src/runtime/clock.js';
import { Problems } from '../../src/runtime/problems.js';
import { AdminClient } from '../../server-stub/cli/admin-client.js';
import type { Scenario } from '../fleet/scenario.js';
import type { AgentAccess } from './light-fleet-options.js';
import type { LiveTarget } from './live-target.js';

/** A server that is there already, as the command line names it. */
export interface ExistingServerOptions {
  /** `host:port` of the agents' endpoint. */
  readonly server: string;
  readonly serverName?: string;
  readonly clusterId?: string;
  readonly clusterVersionId?: string;
  readonly keyFile?: string;
  readonly bootstrapFile?: string;
  readonly adminSocket?: string;
  /** Said explicitly: it may be another machine's. */
  readonly allowRemote: boolean;
}

/** Throws InvalidConfigError with everything that is missing, or that cannot be done with a server that is not ours. */
export async function existingServer(
  options: ExistingServerOptions,
  scenario: Scenario,
  clock: Clock,
  signal: AbortSignal,
): Promise<LiveTarget> {
  const access = checked(options, scenario);
  const { adminSocket } = options;
  const address = { path: adminSocket ?? '', source: '--server' } as const;
  const admin = adminSocket === undefined ? undefined : await AdminClient.connect(address, () => clock.now(), signal);
  const info = await admin?.call('trustdomain.TrustDomainInfo', { trustDomain: '' });
  const notOurs = (): Promise<void> =>
    Promise.reject(new Error('a server that was not started for the run is left alone'));
  return {
    trustDomain: info?.trustDomain ?? '',
    deploymentName: info?.signingAuthorityStatuses[0]?.trustDomainDeploymentName ?? '',
    access,
    keyService: undefined,
    admin: () =>
      admin === undefined ? Promise.reject(new Error('no admin socket was given')) : Promise.resolve(admin),
    end: notOurs,
    again: notOurs,
    stop: () => Promise.resolve(admin?.close()),
  };
}

function checked(options: ExistingServerOptions, scenario: Scenario): AgentAccess {
  const problems = new Problems();
  const { server, serverName, clusterId, clusterVersionId, keyFile, bootstrapFile } = options;
  const [, host = '', port = ''] = /^(.+):([0-9]{1,5})$/.exec(server) ?? [];
  if (host === '' || Number(port) < 1 || Number(port) > 65_535) {
    problems.add('--server', 'host:port is expected, with a port from 1 to 65535');
  } else if (!isLoopback(host) && !options.allowRemote) {
    problems.add(
      '--server',
      `${host} is not this machine: a live run loads it with a whole fleet; --allow-remote says that this is meant`,
    );
  }
  const needed = {
    '--cluster-id': clusterId,
    '--cluster-version-id': clusterVersionId,
    '--key-file': keyFile,
    '--bootstrap-file': bootstrapFile,
  };
  for (const [flag, value] of Object.entries(needed))
    if (value === undefined) problems.add(flag, 'is needed with --server');
  if (scenario.rotation.enabled && options.adminSocket === undefined) {
    problems.add('--admin-socket', 'is needed to run the rotation of the scenario (or rotation.enabled=false)');
  }
  scenario.failures.forEach(({ what }, index) => {
    if (what === 'agents restarted') return;
    problems.add(`/failures/${index}/what`, 'with --server only agents restarted is expected');
  });
  problems.throwIfAny('the live run');
  return {
    address: server,
    ...(serverName !== undefined && { serverName }),
    ...{ clusterId: clusterId ?? '', clusterVersionId: clusterVersionId ?? '' },
    ...{ keyFile: keyFile ?? '', bootstrapFile: bootstrapFile ?? '' },
  };
}

function isLoopback(host: string): boolean {
  const address = host.replace(/^\[|\]$/g, '');
  return address === 'localhost' || address === '::1' || (isIP(address) === 4 && address.startsWith('127.'));
}
