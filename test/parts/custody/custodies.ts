import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { CreateKeyCommand, KMSClient } from '@aws-sdk/client-kms';
import { projectRoot } from '../../architecture/source-tree.js';
import { makeTlsIdentity } from '../../fakes/tls-identity.js';
import { CLIENT_SECRET, startAzureKeyService } from '../azure/azure-key-service.js';
import { freePort, startPart, type Part } from '../part-process.js';
import type { CustodyName } from './cells.js';
import type { FaultName } from './fault-table.js';
import { FaultProxy, type Fault } from './fault-proxy.js';
import type { Cleanup, Lab, Provided } from './lab.js';
import { SoftToken } from './soft-token.js';

const BRIDGE = join(projectRoot, 'deploy/examples/key-manager-webhook-pkcs11/bridge.mjs');
const HSM = 'https://my-managed-hsm.managedhsm.azure.net';
const VAULT = 'https://my-vault.vault.azure.net';

/** A provider, with what stands between it and the server where something does. */
export interface CustodyProvided extends Provided {
  readonly proxy?: FaultProxy;
  /** Makes the service fail so; undefined: it is well. Absent: it only comes and goes. */
  spoil?(fault: Exclude<FaultName, 'away'> | undefined): Promise<void>;
}

/** Starts the real service of a custody. */
export type StartCustody = (lab: Lab, cleanup: Cleanup) => Promise<CustodyProvided>;

const nothing = { down: () => Promise.resolve(), up: () => Promise.resolve() };

async function proxyBefore(url: string, cleanup: Cleanup, tls?: { cert: string; key: string }): Promise<FaultProxy> {
  const proxy = await FaultProxy.start(url, tls);
  cleanup.later(() => proxy.down());
  return proxy;
}

const throughProxy = (proxy: FaultProxy) => ({
  ...spoiling(proxy, AWS_THROTTLES),
  down: () => proxy.down(),
  up: () => proxy.up(),
});

const AWS_THROTTLES = {
  status: 400,
  body: JSON.stringify({ __type: 'ThrottlingException', message: 'Rate exceeded' }),
};

/** The faults of the table as a proxy makes them; `throttles`: how such a service says that it is too much. */
function spoiling(proxy: FaultProxy, throttles: { readonly status: number; readonly body: string }) {
  const faults: Readonly<Record<Exclude<FaultName, 'away'>, Fault>> = {
    slow: { kind: 'latency', ms: 300 },
    reset: { kind: 'reset' },
    throttled: { kind: 'answer', ...throttles, times: 2 },
    failing: { kind: 'answer', status: 500, body: '{"error":"internal"}' },
    truncated: { kind: 'truncated' },
    garbage: { kind: 'garbage' },
  };
  const spoil = (fault: Exclude<FaultName, 'away'> | undefined): Promise<void> => {
    proxy.spoil(fault && faults[fault]);
    return Promise.resolve();
  };
  return { proxy, spoil };
}

async function awsWrapping({ moto, awsEnv }: Lab, cleanup: Cleanup): Promise<CustodyProvided> {
  const credentials = { accessKeyId: 'setup', secretAccessKey: 'setup' };
  const client = new KMSClient({ region: 'us-east-1', endpoint: moto.url, credentials });
  const { KeyMetadata } = await client.send(new CreateKeyCommand({}));
  const proxy = await proxyBefore(moto.url, cleanup);
  const settings = { aws: { kmsKeyARN: KeyMetadata?.Arn, endpoints: { kms: proxy.url } } };
  return { settings, env: awsEnv, ...throughProxy(proxy) };
}

async function azure({ secrets }: Lab, cleanup: Cleanup) {
  const service = await startAzureKeyService();
  cleanup.later(() => service.stop());
  secrets.know('the Azure client secret', CLIENT_SECRET.AZURE_CLIENT_SECRET);
  const env = { ...service.env, ...CLIENT_SECRET };
  const reach = { down: () => service.fail({ unreachable: ['*'] }), up: () => service.fail({}) };
  const faults = {
    slow: { delayMs: 300 },
    throttled: { status: 429, times: 2, retryAfter: 1 },
    failing: { status: 500 },
    garbage: { garbage: true },
    reset: { reset: true },
    truncated: { truncated: true },
  };
  const spoil = (fault: Exclude<FaultName, 'away'> | undefined): Promise<void> =>
    service.fail(fault === undefined ? {} : faults[fault]);
  return { service, env, spoil, ...reach };
}

async function azureWrapping(lab: Lab, cleanup: Cleanup): Promise<CustodyProvided> {
  const { service, ...rest } = await azure(lab, cleanup);
  await service.createKey(HSM, 'wrapping-key');
  return { ...rest, settings: { azure: { keyVault: { url: `${HSM}/`, keyName: 'wrapping-key' } } } };
}

async function awsKms({ moto, awsEnv }: Lab, cleanup: Cleanup): Promise<CustodyProvided> {
  const proxy = await proxyBefore(moto.url, cleanup);
  const env = { ...awsEnv, AWS_ENDPOINT_URL_KMS: proxy.url, AWS_ENDPOINT_URL: proxy.url };
  return { settings: {}, env, extension: { awsKMS: { region: 'us-east-1' } }, ...throughProxy(proxy) };
}

async function azureKeyVault(lab: Lab, cleanup: Cleanup): Promise<CustodyProvided> {
  const { env, down, up, spoil } = await azure(lab, cleanup);
  return { ...{ env, down, up, spoil }, settings: {}, extension: { azureKeyVault: { vaultURL: `${VAULT}/` } } };
}

async function pkcs11({ secrets }: Lab, cleanup: Cleanup): Promise<CustodyProvided> {
  const folder = await cleanup.folder();
  const token = new SoftToken(folder, secrets.make('the PIN of the token'));
  const { module: modulePath, label: tokenLabel, pinPath } = token;
  return {
    settings: { extensions: { modules: [modulePath], secretDirectories: [folder] } },
    env: token.env,
    extension: { pkcs11: { modulePath, tokenLabel, pinPath } },
    down: () => token.remove(),
    up: () => token.insert(),
  };
}

/** The reference bridge over SoftHSM; its process ends and comes back at the same port. A proxy stands before it. */
async function webhook({ secrets }: Lab, cleanup: Cleanup): Promise<CustodyProvided> {
  const folder = await cleanup.folder();
  const file = async (name: string, text: string): Promise<string> => {
    await writeFile(join(folder, name), text, { mode: 0o600 });
    return join(folder, name);
  };
  const token = new SoftToken(folder, secrets.make('the PIN behind the webhook'));
  const tls = await makeTlsIdentity();
  const [caCertPath, bearerTokenPath] = [
    await file('ca.pem', tls.ca),
    await file('token', secrets.make('the bearer token of the key manager')),
  ];
  const port = await freePort();
  const env = {
    ...token.env,
    PKCS11_MODULE: token.module,
    PKCS11_TOKEN_LABEL: token.label,
    PKCS11_PIN_FILE: token.pinPath,
    BEARER_TOKEN_FILE: bearerTokenPath,
    TLS_CERT_FILE: await file('tls.crt', tls.cert),
    TLS_KEY_FILE: await file('tls.key', tls.key),
    PORT: String(port),
  };
  let part: Part | undefined;
  const up = async (): Promise<void> => {
    part ??= await startPart(process.execPath, [BRIDGE], () => reachable(port), env);
    secrets.watch('the bridge of the key manager', part.output);
  };
  const down = async (): Promise<void> => {
    const stopping = part?.stop();
    part = undefined;
    await stopping;
  };
  await up();
  cleanup.later(down);
  const proxy = await proxyBefore(`https://127.0.0.1:${port}`, cleanup, tls);
  const { host } = new URL(proxy.url);
  return {
    settings: { extensions: { webhookHosts: [host], secretDirectories: [folder] } },
    env: {},
    extension: { webhook: { webhookURL: proxy.url, caCertPath, bearerTokenPath, timeout: '5s' } },
    ...spoiling(proxy, { status: 429, body: '{"error":"too many"}' }),
    ...{ up, down },
  };
}

function reachable(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve((socket.destroy(), true)));
    socket.on('error', () => resolve(false));
  });
}

export const CUSTODIES: Readonly<Record<CustodyName, StartCustody>> = {
  sealed: () => Promise.resolve({ settings: {}, env: {}, ...nothing }),
  awsWrapping,
  azureWrapping,
  awsKMS: awsKms,
  azureKeyVault,
  pkcs11,
  webhook,
};
