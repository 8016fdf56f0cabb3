import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { CreateKeyCommand, KMSClient } from '@aws-sdk/client-kms';
import { projectRoot } from '../../architecture/source-tree.js';
import { makeTlsIdentity } from '../../fakes/tls-identity.js';
import { CLIENT_SECRET, startAzureKeyService, type Faults } from '../azure/azure-key-service.js';
import { freePort, startPart, type Part } from '../part-process.js';
import type { CustodyName } from './cells.js';
import type { Cleanup, Lab } from './lab.js';
import { SoftToken } from './soft-token.js';
import {
  AWS_THROTTLES,
  proxyBefore,
  spoiling,
  throughProxy,
  WEB_THROTTLES,
  type Spoilable,
  type Spoiling,
} from './spoil.js';

const BRIDGE = join(projectRoot, 'deploy/examples/key-manager-webhook-pkcs11/bridge.mjs');
const HSM = 'https://my-managed-hsm.managedhsm.azure.net';
const VAULT = 'https://my-vault.vault.azure.net';

/** A custody's service; `scalars`: of the private keys in its token, where a test can read the token's files. */
export interface CustodyProvided extends Spoilable {
  readonly scalars?: () => readonly Buffer[];
}

/** Starts the real service of a custody. */
export type StartCustody = (lab: Lab, cleanup: Cleanup) => Promise<CustodyProvided>;

const nothing = { down: () => Promise.resolve(), up: () => Promise.resolve() };

async function awsWrapping({ moto, awsEnv }: Lab, cleanup: Cleanup): Promise<Spoilable> {
  const credentials = { accessKeyId: 'setup', secretAccessKey: 'setup' };
  const client = new KMSClient({ region: 'us-east-1', endpoint: moto.url, credentials });
  const { KeyMetadata } = await client.send(new CreateKeyCommand({}));
  const proxy = await proxyBefore(moto.url, cleanup);
  const settings = { aws: { kmsKeyARN: KeyMetadata?.Arn, endpoints: { kms: proxy.url } } };
  return { settings, env: awsEnv, ...throughProxy(proxy, AWS_THROTTLES) };
}

async function azure({ secrets }: Lab, cleanup: Cleanup) {
  const service = await startAzureKeyService();
  cleanup.later(() => service.stop());
  secrets.know('the Azure client secret', CLIENT_SECRET.AZURE_CLIENT_SECRET);
  const env = { ...service.env, ...CLIENT_SECRET };
  const reach = { down: () => service.fail({ unreachable: ['*'] }), up: () => service.fail({}) };
  const faults: Readonly<Partial<Record<Spoiling, Faults>>> = {
    slow: { delayMs: 300 },
    throttled: { status: 429, times: 2, retryAfter: 1 },
    failing: { status: 500 },
    garbage: { garbage: true },
    reset: { reset: true },
    truncated: { truncated: true },
  };
  const spoil = (fault: Spoiling | undefined): Promise<void> => service.fail((fault && faults[fault]) ?? {});
  return { service, env, spoil, ...reach };
}

async function azureWrapping(lab: Lab, cleanup: Cleanup): Promise<Spoilable> {
  const { service, ...rest } = await azure(lab, cleanup);
  await service.createKey(HSM, 'wrapping-key');
  return { ...rest, settings: { azure: { keyVault: { url: `${HSM}/`, keyName: 'wrapping-key' } } } };
}

async function awsKms({ moto, awsEnv }: Lab, cleanup: Cleanup): Promise<Spoilable> {
  const proxy = await proxyBefore(moto.url, cleanup);
  const env = { ...awsEnv, AWS_ENDPOINT_URL_KMS: proxy.url, AWS_ENDPOINT_URL: proxy.url };
  return { settings: {}, env, extension: { awsKMS: { region: 'us-east-1' } }, ...throughProxy(proxy, AWS_THROTTLES) };
}

async function azureKeyVault(lab: Lab, cleanup: Cleanup): Promise<Spoilable> {
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
    scalars: () => token.scalars(),
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
    ...spoiling(proxy, WEB_THROTTLES),
    ...{ up, down, scalars: () => token.scalars() },
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
