import type { DevFiles, DevState } from './dev-files.js';
import type { DevOptions } from './dev-options.js';

/** Ports of this run; a program that is started again gets the same ones. */
export interface DevPorts {
  readonly server: number;
  readonly serverMetrics: number;
  readonly agentMetrics: number;
}

/** The server's configuration file; YAML takes JSON as it is. */
export function serverConfig(files: DevFiles, state: DevState, ports: DevPorts, options: DevOptions): string {
  return document({
    trustDomainDeployment: { trustDomainName: state.trustDomain, name: state.deployment },
    stateDir: files.serverState,
    adminSocket: files.adminSocket,
    bootstrapFile: files.bootstrap,
    bundlePath: files.bundle,
    agentEndpoint: { host: '127.0.0.1', port: ports.server, names: ['127.0.0.1', 'localhost'] },
    metricsAPI: { host: '127.0.0.1', port: ports.serverMetrics },
    log: { format: 'text' },
    ...(options.labTtl && { labTtl: true }),
  });
}

/** The agent's configuration file. */
export function agentConfig(files: DevFiles, state: Required<DevState>, ports: DevPorts, options: DevOptions): string {
  return document({
    agent: {
      endpoint: { endpoint: `127.0.0.1:${ports.server}` },
      auth: {
        clusterId: state.clusterId,
        clusterVersionId: state.clusterVersionId,
        keyFile: files.clusterKey,
        bootstrapFile: files.bootstrap,
      },
      socketPath: files.agentSocket,
      stateDir: files.agentState,
    },
    metricsAPI: { host: '127.0.0.1', port: ports.agentMetrics },
    log: { format: 'text' },
    ...(options.labTaintDelayMax !== undefined && { lab: { taintDelayMax: options.labTaintDelayMax } }),
  });
}

/** Block YAML of nested mappings with scalars and lists of scalars. */
function document(settings: object): string {
  return `# Written by "spirlctl dev" at each start.\n${lines(settings, '')}`;
}

function lines(settings: object, indent: string): string {
  return Object.entries(settings)
    .map(([key, value]: [string, unknown]) =>
      typeof value === 'object' && value !== null && !Array.isArray(value)
        ? `${indent}${key}:\n${lines(value, `${indent}  `)}`
        : `${indent}${key}: ${JSON.stringify(value)}\n`,
    )
    .join('');
}
