import {
  choice,
  duration,
  flag,
  integer,
  optionalText,
  requiredAddress,
  requiredText,
  text,
  unavailable,
  type SettingGroup,
  type TextForm,
} from '../runtime/settings.js';

const CLUSTER_ID: TextForm = {
  expected: 'a cluster id (c-…)',
  accepts: (value) => /^c-[a-z0-9]{1,64}$/.test(value),
};

const CLUSTER_VERSION_ID: TextForm = {
  expected: 'a cluster version id (cv-…)',
  accepts: (value) => /^cv-[a-z0-9]{1,64}$/.test(value),
};

/** sun_path of Linux holds 108 bytes, the last of which is a zero. */
const SOCKET_PATH: TextForm = {
  expected: 'a path of at most 107 bytes (the limit of a Unix socket)',
  accepts: (value) => Buffer.byteLength(value) <= 107,
};

const HOST_NAME: TextForm = {
  expected: 'a host name or address',
  accepts: (value) => /^[A-Za-z0-9_.:-]{1,253}$/.test(value),
};

/** Every setting of the agent's configuration file. */
export const AGENT_SETTINGS = {
  agent: {
    endpoint: {
      endpoint: requiredAddress('Where the trust-domain server listens for agents. Port 443 when none is given.', 443),
      serverName: optionalText(
        'Name to look for in the server certificate when it is not the host of the endpoint.',
        HOST_NAME,
        'the host of the endpoint',
      ),
    },
    auth: {
      clusterId: requiredText('Cluster (node group) that this agent belongs to.', CLUSTER_ID),
      clusterVersionId: requiredText('Which key of the cluster proves it.', CLUSTER_VERSION_ID),
      keyFile: requiredText('PEM file with the cluster key (Ed25519, PKCS#8).'),
      bootstrapFile: requiredText(
        'PEM file with the session CA certificates of the deployment, for the first contact.',
      ),
      clusterName: unavailable('Naming the cluster instead of its id'),
      attestors: unavailable('Node attestation other than by cluster key'),
    },
    socketPath: text('Unix socket of the Workload API and SDS.', '/run/spirl/sockets/agent.sock', SOCKET_PATH),
    stateDir: text('Directory (0700) for the session and the last bundles.', '/var/lib/spirl-agent'),
    svid: {
      keySource: choice(
        'Who makes the private keys of workloads. With `agent` they never leave the node.',
        ['server', 'agent'],
        'server',
      ),
      sharing: choice(
        'Whether the workloads of one identity on this node share one X.509-SVID, or each connection gets its own.',
        ['identity', 'connection'],
        'identity',
      ),
      cacheSize: integer('X.509-SVIDs kept. Those without open streams leave first.', 1000, 1, 100_000),
    },
    jwt: {
      cacheSize: integer('JWT-SVIDs kept.', 1000, 1, 100_000),
      audiencesPerUid: integer('Audience sets kept for the callers of one uid.', 64, 1, 10_000),
    },
    limits: {
      connectionsPerUid: integer('Connections that the callers of one uid may hold.', 1024, 1, 100_000),
      streamsPerUid: integer('Streams that the callers of one uid may hold.', 2048, 1, 100_000),
      attestationsPerUid: integer('Attestations under way for the callers of one uid.', 256, 1, 10_000),
    },
    attestation: {
      timeout: duration('How long one attestor may take for one caller.', '5s', { min: '100ms', max: '60s' }),
    },
  },
  telemetry: {
    enabled: flag('Serve /metrics. /live and /ready are always served.', 'true'),
  },
  metricsAPI: {
    host: text('Address for /metrics, /live and /ready.', '127.0.0.1', HOST_NAME),
    port: integer('Port for them; 0 takes a free one and logs it.', 9091, 0, 65_535),
  },
  log: {
    format: choice('How log lines look.', ['json', 'text'], 'json'),
    level: choice('Least severe lines written.', ['debug', 'info', 'warn', 'error'], 'info'),
  },
  lab: {
    taintDelayMax: duration(
      'Upper bound of the random wait before a taint renewal. Shorter ones are for demonstrations and tests.',
      '60s',
      { min: '0s', max: '60s' },
    ),
    renewalsPerSecond: integer(
      'Renewals that the agent may start per second. Another rate than 20 is for measurements and demonstrations.',
      20,
      1,
      100_000,
    ),
  },
} as const satisfies SettingGroup;
