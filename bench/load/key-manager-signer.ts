import { DeclaredFiles } from '../../src/runtime/declared-files.js';
import { systemClock } from '../../src/runtime/clock.js';
import { silentLogger } from '../../src/runtime/logger.js';
import { KeyManagers } from '../../server-stub/src/key-manager/key-managers.js';
import { bindingProblem } from '../../server-stub/src/key-manager/pkcs11/cryptoki.js';
import { rawFromDer } from '../../server-stub/src/signer/ecdsa-signature.js';
import { SignatureMaker } from '../../server-stub/src/signer/signature-maker.js';
import type { KeyService } from '../key-services/key-service.js';
import { serveCommands } from '../rig/commands.js';
import { closedLoop, type LoopResult } from './closed-loop.js';

// The server's key managers without the rest of the server: queue, limit, circuit and deadlines, the provider with its client,
// and the verification of each signature.

const NEVER = new AbortController().signal;
const DATA = Buffer.alloc(400, 7);
const NOBODY = { keyServiceCalled: () => undefined, signedWrongly: () => undefined };
const sealed = {
  custody: 'sealed',
  createKey: () => Promise.reject(new Error('nothing is sealed here')),
  listKeys: () => Promise.resolve([]),
};

function managersOf({ extension, declared }: Pick<KeyService, 'extension' | 'declared'>): KeyManagers {
  const { secretDirectories, webhookHosts, modules } = declared;
  return new KeyManagers({
    ...{ webhookHosts, modules, pkcs11Problem: bindingProblem, rawFromDer, sealed },
    files: new DeclaredFiles(secretDirectories),
    environment: (name) => process.env[name],
    owner: { trustDomainId: 'td-bench', deploymentId: 'tdd-bench' },
    clock: systemClock,
    logger: silentLogger,
    metrics: NOBODY,
    random: Math.random,
    // As the server does: a client is loaded by whoever uses it.
    connectAwsKms: {
      defaultRegion: async () =>
        (await import('../../server-stub/src/cloud/aws/kms-signing-api.js')).defaultAwsRegion(),
      connect: async (region) =>
        (await import('../../server-stub/src/cloud/aws/kms-signing-api.js')).createKmsSigningApi(region),
    },
    connectKeyVault: async (vaultURL) =>
      (await import('../../server-stub/src/cloud/azure/key-vault-signing-api.js')).createKeyVaultSigningApi(vaultURL),
    spec: () => ({ extensions: extension }),
  });
}

let maker: SignatureMaker | undefined;
const commands = {
  /** Makes a key. */
  prepare: async (service: Pick<KeyService, 'extension' | 'declared'>): Promise<void> => {
    const { manager, keyType } = await managersOf(service).next();
    maker = new SignatureMaker(await manager.createKey('ks_aaaaaaaaaa', keyType, NEVER));
  },
  /** Signatures that were made and verified, in a closed loop. */
  sign: (inFlight: number, ms: number): Promise<LoopResult> =>
    closedLoop(async () => maker?.sign(DATA, NEVER), inFlight, ms),
};

export type KeyManagerSigner = typeof commands;

serveCommands(commands);
