import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { PageRun } from '../../docs/operations-pages.js';
import { CLIENT_SECRET, startAzureKeyService } from '../azure/azure-key-service.js';
import { CUSTODIES } from '../custody/custodies.js';
import type { Cleanup, Lab } from '../custody/lab.js';
import { UPSTREAMS } from '../custody/upstreams.js';
import { SOFT_HSM_MODULE } from '../pkcs11/soft-hsm.js';
import type { Stage } from './page-run.js';

type SetUp = (lab: Lab, cleanup: Cleanup) => Promise<Stage>;
type Texts = Readonly<Record<string, string>>;

const nothing: Stage = { provided: [], standsFor: {} };

async function awsWrapping(lab: Lab, cleanup: Cleanup): Promise<Stage> {
  const { settings, env } = await CUSTODIES.awsWrapping(lab, cleanup);
  const { kmsKeyARN, endpoints } = settings['aws'] as { kmsKeyARN: string; endpoints: { kms: string } };
  const standsFor = {
    'arn:aws:kms:us-east-1:123456789012:key/example-key-id': kmsKeyARN,
    'https://kms.us-east-1.amazonaws.com': endpoints.kms,
  };
  return { provided: [{ settings: {}, env }], standsFor };
}

async function azureWrapping(_: Lab, cleanup: Cleanup): Promise<Stage> {
  const service = await startAzureKeyService();
  cleanup.later(() => service.stop());
  const newVersion = () => service.createKey('https://my-managed-hsm.managedhsm.azure.net', 'defakto-wrapping-key');
  await newVersion();
  return {
    provided: [{ settings: {}, env: { ...service.env, ...CLIENT_SECRET } }],
    // Unset: the page calls it optional.
    standsFor: { a1b2c3d4e5f6: '' },
    before: async ({ text }) => {
      if (text.includes('rewrap')) await newVersion();
    },
  };
}

const cloudKeys =
  (custody: 'awsKMS' | 'azureKeyVault'): SetUp =>
  async (lab, cleanup) => {
    const { settings, env } = await CUSTODIES[custody](lab, cleanup);
    return { ...nothing, provided: [{ settings, env }] };
  };

/** The page makes the token and writes the PIN itself. */
async function pkcs11(_: Lab, cleanup: Cleanup): Promise<Stage> {
  const folder = await cleanup.folder();
  const [tokens, secrets, configuration] = [
    join(folder, 'tokens'),
    join(folder, 'secrets'),
    join(folder, 'softhsm2.conf'),
  ];
  await mkdir(tokens);
  await mkdir(secrets, { mode: 0o700 });
  await writeFile(configuration, `directories.tokendir = ${tokens}\nlog.level = ERROR\n`);
  return {
    provided: [{ settings: {}, env: { SOFTHSM2_CONF: configuration } }],
    standsFor: { '/usr/lib/softhsm/libsofthsm2.so': SOFT_HSM_MODULE, '/etc/spirl-server/secrets': secrets },
  };
}

async function webhookKeys(lab: Lab, cleanup: Cleanup): Promise<Stage> {
  const { extension } = await CUSTODIES.webhook(lab, cleanup);
  const { webhookURL, caCertPath, bearerTokenPath } = (extension as { webhook: Texts }).webhook as Record<
    string,
    string
  >;
  return {
    provided: [],
    standsFor: {
      'https://hsm.example.org:8443/': `${webhookURL}/`,
      'hsm.example.org:8443': new URL(webhookURL ?? '').host,
      '/etc/spirl-server/secrets/hsm-ca.pem': caCertPath ?? '',
      '/etc/spirl-server/secrets/hsm-token': bearerTokenPath ?? '',
      '/etc/spirl-server/secrets': dirname(caCertPath ?? ''),
    },
  };
}

async function privateCa(lab: Lab, cleanup: Cleanup): Promise<Stage> {
  const { settings, env } = await UPSTREAMS.awsPca(lab, cleanup);
  const arn = 'arn:aws:acm-pca:us-east-1:123456789012:certificate-authority/xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx';
  // The company's CA of the lab signs with the algorithm of its own key.
  return { provided: [{ settings, env }], standsFor: { [arn]: lab.pca } };
}

async function disk(lab: Lab, cleanup: Cleanup): Promise<Stage> {
  const { extension } = await UPSTREAMS.disk(lab, cleanup);
  const { certFilePath = '', keyFilePath = '' } = (extension as { disk: Texts }).disk;
  return {
    provided: [],
    standsFor: {
      '/etc/spirl/upstream/ca.pem': certFilePath,
      '/etc/spirl/upstream/ca.key': keyFilePath,
      // The lab's CA is itself a root.
      '/etc/spirl/upstream/root.pem': certFilePath,
      '/etc/spirl/upstream': dirname(certFilePath),
    },
  };
}

async function webhookCa(lab: Lab, cleanup: Cleanup): Promise<Stage> {
  const { extension } = await UPSTREAMS.webhook(lab, cleanup);
  const { webhookURL = '', caCertPath = '', bearerTokenPath = '' } = (extension as { webhook: Texts }).webhook;
  return {
    provided: [],
    standsFor: {
      'https://ca-bridge.example.org:8443': webhookURL,
      'ca-bridge.example.org:8443': new URL(webhookURL).host,
      '/etc/spirl/upstream/bridge-ca.pem': caCertPath,
      '/etc/spirl/upstream/token': bearerTokenPath,
      '/etc/spirl/upstream': dirname(caCertPath),
    },
  };
}

/** What surrounds each page; the page of running a server sets everything up itself. */
export const STAGES: Readonly<Record<Exclude<PageRun, 'running.md'>, SetUp>> = {
  'key-rotation.md': () => Promise.resolve(nothing),
  'key-wrapping-aws-kms.md': awsWrapping,
  'key-wrapping-azure.md': azureWrapping,
  'key-manager-aws-kms.md': cloudKeys('awsKMS'),
  'key-manager-azure-key-vault.md': cloudKeys('azureKeyVault'),
  'key-manager-pkcs11.md': pkcs11,
  'key-manager-webhook.md': webhookKeys,
  'upstream-aws-private-ca.md': privateCa,
  'upstream-disk.md': disk,
  'upstream-webhook.md': webhookCa,
};
