import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TestCa } from '../../fakes/test-pki.js';
import { startStepCa } from '../upstream/bridge.js';
import type { UpstreamName } from './cells.js';
import type { Cleanup, Lab } from './lab.js';
import { AWS_THROTTLES, proxyBefore, throughProxy, WEB_THROTTLES, type Spoilable, type Spoiling } from './spoil.js';

/** Starts the authority, where there is one. */
export type StartUpstream = (lab: Lab, cleanup: Cleanup) => Promise<Spoilable>;

async function awsPca({ moto, pca, awsEnv }: Lab, cleanup: Cleanup): Promise<Spoilable> {
  const proxy = await proxyBefore(moto.url, cleanup);
  return {
    settings: { aws: { endpoints: { acmPca: proxy.url } } },
    env: awsEnv,
    extension: { awsPca: { certificateAuthorityArn: pca } },
    ...throughProxy(proxy, AWS_THROTTLES),
  };
}

async function disk({ secrets }: Lab, cleanup: Cleanup): Promise<Spoilable> {
  const folder = await cleanup.folder();
  const root = await TestCa.root('Company Root', { now: Date.now() });
  const stranger = await TestCa.root('Another Root', { now: Date.now() });
  const [certFilePath, keyFilePath] = [join(folder, 'ca.pem'), join(folder, 'ca.key')];
  const keyPem = await root.keyPem();
  const { d = '' } = createPrivateKey(keyPem).export({ format: 'jwk' });
  secrets.know('the key of the CA on disk', Buffer.from(d, 'base64url'));
  const spoilt: Readonly<Partial<Record<Spoiling, string>>> = {
    mismatched: await stranger.keyPem(),
    'half-written': keyPem.slice(0, keyPem.length / 2),
  };
  const writeKey = (pem: string): Promise<void> => writeFile(keyFilePath, pem, { mode: 0o600 });
  await writeFile(certFilePath, root.pem);
  await writeKey(keyPem);
  return {
    settings: { extensions: { secretDirectories: [folder] } },
    env: {},
    extension: { disk: { certFilePath, keyFilePath } },
    down: () => rename(keyFilePath, `${keyFilePath}.away`),
    up: () => rename(`${keyFilePath}.away`, keyFilePath),
    spoil: (fault) => writeKey((fault && spoilt[fault]) ?? keyPem),
  };
}

/** step-ca behind its reference bridge, and a proxy before that, with the bridge's own certificate. */
async function webhook({ secrets }: Lab, cleanup: Cleanup): Promise<Spoilable> {
  const bridged = await startStepCa();
  cleanup.later(() => bridged.stop());
  const { webhookURL, ...files } = bridged.extension;
  secrets.know('the bearer token of the upstream', readFileSync(files.bearerTokenPath, 'utf8').trim());
  const proxy = await proxyBefore(webhookURL, cleanup, bridged.tls);
  const { port } = new URL(proxy.url);
  return {
    settings: {
      extensions: { webhookHosts: [`localhost:${port}`], secretDirectories: [bridged.directory] },
    },
    env: {},
    extension: { webhook: { webhookURL: `https://localhost:${port}`, ...files } },
    ...throughProxy(proxy, WEB_THROTTLES),
  };
}

const none = (): Promise<void> => Promise.resolve();

export const UPSTREAMS: Readonly<Record<UpstreamName, StartUpstream>> = {
  selfSigned: () => Promise.resolve({ settings: {}, env: {}, down: none, up: none }),
  awsPca,
  disk,
  webhook,
};
