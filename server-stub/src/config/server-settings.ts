import { TrustDomain } from 'spirl-agent/domain/trust-domain.js';
import {
  choice,
  duration,
  flag,
  integer,
  optionalDuration,
  optionalText,
  requiredText,
  text,
  textList,
  type SettingGroup,
  type TextForm,
} from 'spirl-agent/runtime/settings.js';
import { sectionList } from './start-sections.js';

function form(expected: string, pattern: RegExp): TextForm {
  return { expected, accepts: (value) => pattern.test(value) };
}

const TRUST_DOMAIN: TextForm = {
  expected: "a trust domain name (1 to 255 of a-z, 0-9, '.', '-', '_')",
  accepts: (value) => {
    try {
      return TrustDomain.parse(value).name === value;
    } catch {
      return false;
    }
  },
};
const HOST = form('a host name or address', /^[A-Za-z0-9_.:-]{1,253}$/);
const NAME = form(
  'a name of 1 to 63 letters, digits, dots, dashes and underscores',
  /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/,
);
const TRUST_DOMAIN_ID = form('a trust domain id (td-…)', /^td-[a-z0-9]{1,64}$/);
const DEPLOYMENT_ID = form('a deployment id (tdd-…)', /^tdd-[a-z0-9]{1,64}$/);
const ABSOLUTE_PATH = form('an absolute path without ..', /^\/(?!(?:.*\/)?\.\.(?:\/|$))/);
const SOCKET_PATH: TextForm = {
  expected: 'a path of at most 107 bytes (the limit of a Unix socket)',
  accepts: (value) => Buffer.byteLength(value) <= 107,
};
const KMS_KEY_ARN = form(
  'the ARN of a key (arn:aws:kms:<region>:<account>:key/<id>; an alias may change its meaning)',
  /^arn:aws[a-z-]{0,20}:kms:[a-z0-9-]{1,40}:[0-9]{12}:key\/[A-Za-z0-9-]{1,64}$/,
);
const SERVICE_URL: TextForm = {
  expected: 'an https URL without a path (http for an address of this machine)',
  accepts: isServiceUrl,
};
const MANAGED_HSM_URL = form(
  'https://<name>.managedhsm.azure.net (only a Managed HSM can wrap keys)',
  /^https:\/\/[A-Za-z0-9][A-Za-z0-9-]{0,62}\.managedhsm\.azure\.net\/?$/,
);
const VAULT_KEY_NAME = form('a key name of 1 to 127 letters, digits and dashes', /^[A-Za-z0-9-]{1,127}$/);
const VAULT_KEY_VERSION = form('a key version of 1 to 64 letters and digits', /^[A-Za-z0-9]{1,64}$/);

/** Bounds that hold also with `labTtl`; `server-config.ts` narrows them without it. */
const TTL = { min: '10s', max: '168h' };
const KEYSET = { min: '1m', max: '87600h' };
const THRESHOLD = { min: '1s', max: '87600h' };

/** Every setting of the server's configuration file. */
export const SERVER_SETTINGS = {
  trustDomainDeployment: {
    trustDomainName: requiredText('The trust domain that is served.', TRUST_DOMAIN),
    trustDomainID: optionalText('Its id.', TRUST_DOMAIN_ID, 'made at the first start'),
    id: optionalText('Id of this deployment.', DEPLOYMENT_ID, 'made at the first start'),
    name: text('Name of this deployment.', 'default', NAME),
  },
  stateDir: text(
    'Directory (0700) for the key ring, sealed keys, clusters and managed configuration.',
    '/var/lib/spirl-server',
  ),
  adminSocket: text('Unix socket (0600) for spirlctl.', '/run/spirl-server/admin.sock', SOCKET_PATH),
  bootstrapFile: optionalText(
    'Where the session CA certificates for agents are kept current.',
    undefined,
    'bootstrap.pem in stateDir',
  ),
  bundlePath: optionalText(
    'Where the X.509 authorities of the trust domain are kept current, PEM.',
    undefined,
    'bundle.pem in stateDir',
  ),
  agentEndpoint: {
    host: text('Address to listen on for agents.', '127.0.0.1', HOST),
    port: integer('Port to listen on for agents; 0 takes a free one and logs it.', 8443, 0, 65_535),
    names: textList('Names and addresses under which agents reach it, for its certificate.', HOST),
  },
  keyset: {
    lifetime: duration('How long a keyset is valid.', '2160h', KEYSET),
    preparationThreshold: optionalDuration(
      'How long before the end of the active keyset its successor is prepared.',
      '14/90 of the lifetime: 336h',
      THRESHOLD,
    ),
    activationThreshold: optionalDuration(
      'How old a prepared keyset must be before it replaces the active one by itself.',
      '7/90 of the lifetime: 168h',
      THRESHOLD,
    ),
  },
  svid: {
    x509TTL: duration('Lifetime of X.509-SVIDs for which no policy says one; 1h to 168h.', '24h', TTL),
    jwtTTL: duration('Lifetime of JWT-SVIDs for which no policy says one; 5m to 168h.', '24h', TTL),
  },
  labTtl: flag('Allow lifetimes down to 10s, for tests and demonstrations. Warned about in the log.', 'false'),
  startup: {
    keyServiceTimeout: duration('How long a start waits in all for the services that hold its keys.', '60s', {
      min: '1s',
      max: '1h',
    }),
  },
  aws: {
    kmsKeyARN: optionalText('Key wrapping by AWS KMS: ARN of a symmetric encryption key.', KMS_KEY_ARN),
    endpoints: {
      kms: optionalText('Another endpoint of AWS KMS, such as a VPC endpoint.', SERVICE_URL, 'that of the AWS SDK'),
      acmPca: optionalText('Another endpoint of AWS Private CA.', SERVICE_URL, 'that of the region'),
      sts: optionalText('Another endpoint of AWS STS, for roles to take on.', SERVICE_URL, 'that of the region'),
    },
  },
  azure: {
    keyVault: {
      url: optionalText('Key wrapping by Azure: URL of a Managed HSM.', MANAGED_HSM_URL),
      keyName: optionalText('Name of an AES-256 key in it.', VAULT_KEY_NAME),
      keyVersion: optionalText('Version of that key.', VAULT_KEY_VERSION, 'the newest at each write'),
    },
  },
  extensions: {
    modules: textList('PKCS#11 modules that managed sections may name.', ABSOLUTE_PATH),
    secretDirectories: textList('Directories below which files named in managed sections must lie.', ABSOLUTE_PATH),
    webhookHosts: textList('Hosts that webhooks of managed sections may reach.', HOST),
  },
  managedConfig: sectionList(
    'Sections of the deployment (KeyManager, UpstreamAuthority) for as long as none of the same name is set by `spirlctl config set`.',
  ),
  telemetry: {
    enabled: flag('Serve /metrics. /live and /ready are always served.', 'true'),
    collectors: {
      grpc: {
        emmitLatencyMetrics: flag(
          'Histograms of durations too: mints and gRPC calls (spelt with a double m).',
          'false',
        ),
      },
    },
  },
  metricsAPI: {
    host: text('Address for /metrics, /live and /ready.', '127.0.0.1', HOST),
    port: integer('Port for them; 0 takes a free one and logs it.', 9090, 0, 65_535),
  },
  ocsf: {
    enabled: flag('Write audit events (OCSF 1.8.0, one JSON object per line) to standard output.', 'false'),
    cloudProvider: text('Cloud provider named in audit events.', ''),
    cloudRegion: text('Cloud region named in audit events.', ''),
    cloudAccount: text('Cloud account named in audit events.', ''),
  },
  log: {
    format: choice('How log lines look.', ['json', 'text'], 'json'),
    level: choice('Least severe lines written.', ['debug', 'info', 'warn', 'error'], 'info'),
  },
} as const satisfies SettingGroup;

function isServiceUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, pathname, search, hash, username, password } = new URL(text);
  if (pathname !== '/' || search + hash + username + password !== '') return false;
  return protocol === 'https:' || (protocol === 'http:' && /^(localhost|127\.[0-9.]+|\[::1\])$/.test(hostname));
}
