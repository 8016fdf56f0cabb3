import { createKeyVaultSigningApi } from '../../../server-stub/src/cloud/azure/key-vault-signing-api.js';
import { canFind, canRelease } from '../../../server-stub/src/domain/key-manager.js';
import type { KeyType, SigningKey } from '../../../server-stub/src/domain/signing-key.js';
import { createAzureKeyVaultKeyManager } from '../../../server-stub/src/key-manager/azure-key-vault/azure-key-vault-key-manager.js';
import type { Asked, Told, ToldKey } from './key-vault-process.js';

// The key manager as it runs in production, in a process whose environment leads it to the service. argv: VAULT-URL DEPLOYMENT-ID

const [, , vaultUrl = '', deploymentId = ''] = process.argv;
const signal = new AbortController().signal;
const manager = createAzureKeyVaultKeyManager({
  api: createKeyVaultSigningApi(vaultUrl),
  owner: { trustDomainId: 'td-1', deploymentId },
  keyTags: { team: 'platform' },
});
const keys = new Map<string, SigningKey>();

function told(key: SigningKey): ToldKey {
  keys.set(key.id, key);
  const { id, type, reference = '' } = key;
  return { id, type, reference, spki: Buffer.from(key.publicKeySpki).toString('base64') };
}

async function act({ method, args }: Asked): Promise<unknown> {
  const [id = '', second = ''] = args;
  switch (method) {
    case 'createKey':
      return told(await manager.createKey(id, second as KeyType, signal));
    case 'listKeys':
      return (await manager.listKeys(signal)).map(told);
    case 'findKey': {
      const found = canFind(manager) ? await manager.findKey(id, second, signal) : undefined;
      return found && told(found);
    }
    case 'releaseKey':
      return canRelease(manager) ? manager.releaseKey(id, signal) : undefined;
    case 'sign':
      return Buffer.from((await keys.get(id)?.sign(Buffer.from(second, 'base64'), signal)) ?? []).toString('base64');
  }
}

process.on('message', (asked: Asked) => {
  act(asked).then(
    (value) => process.send?.({ call: asked.call, value } satisfies Told),
    (failure: unknown) => {
      const { code = '', message } = failure as Error & { code?: string };
      process.send?.({ call: asked.call, error: { code, message } } satisfies Told);
    },
  );
});
