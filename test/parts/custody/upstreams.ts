import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TestCa } from '../../fakes/test-pki.js';
import { startStepCa } from '../upstream/bridge.js';
import type { UpstreamName } from './cells.js';
import { FaultProxy } from './fault-proxy.js';
import type { Cleanup, Lab, Provided } from './lab.js';

/** Starts the authority, where there is one. */
export type StartUpstream = (lab: Lab, cleanup: Cleanup) => Promise<Provided>;

async function awsPca({ moto, pca, awsEnv }: Lab, cleanup: Cleanup): Promise<Provided> {
  const proxy = await FaultProxy.start(moto.url);
  cleanup.later(() => proxy.down());
  return {
    settings: { aws: { endpoints: { acmPca: proxy.url } } },
    env: awsEnv,
    extension: { awsPca: { certificateAuthorityArn: pca } },
    down: () => proxy.down(),
    up: () => proxy.up(),
  };
}

async function disk(_: Lab, cleanup: Cleanup): Promise<Provided> {
  const folder = await cleanup.folder();
  const root = await TestCa.root('Company Root', { now: Date.now() });
  const [certFilePath, keyFilePath] = [join(folder, 'ca.pem'), join(folder, 'ca.key')];
  await writeFile(certFilePath, root.pem);
  await writeFile(keyFilePath, await root.keyPem(), { mode: 0o600 });
  return {
    settings: { extensions: { secretDirectories: [folder] } },
    env: {},
    extension: { disk: { certFilePath, keyFilePath } },
    down: () => rename(keyFilePath, `${keyFilePath}.away`),
    up: () => rename(`${keyFilePath}.away`, keyFilePath),
  };
}

async function webhook(_: Lab, cleanup: Cleanup): Promise<Provided> {
  const bridged = await startStepCa();
  cleanup.later(() => bridged.stop());
  const { webhookURL, ...files } = bridged.extension;
  return {
    settings: {
      extensions: { webhookHosts: [new URL(webhookURL).host], secretDirectories: [bridged.directory] },
    },
    env: {},
    extension: { webhook: { webhookURL, ...files } },
    down: () => bridged.stopAuthority(),
    up: () => Promise.reject(new Error('step-ca does not come back')),
  };
}

const none = (): Promise<void> => Promise.resolve();

export const UPSTREAMS: Readonly<Record<UpstreamName, StartUpstream>> = {
  selfSigned: () => Promise.resolve({ settings: {}, env: {}, down: none, up: none }),
  awsPca,
  disk,
  webhook,
};
