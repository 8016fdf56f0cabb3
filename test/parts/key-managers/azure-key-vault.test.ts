import { randomBytes } from 'node:crypto';
import anyTest, { type TestFn } from 'ava';
import { keyManagerContract } from '../../contract/key-manager.js';
import { CLIENT_SECRET, startAzureKeyService, type AzureKeyService } from '../azure/azure-key-service.js';
import { KeyVaultProcess } from './key-vault-process.js';

// Faults are the service's, so one test after the other.
const test = anyTest.serial as TestFn;
const signal = new AbortController().signal;
const VAULT = 'https://signing-keys.vault.azure.net';
const started: KeyVaultProcess[] = [];
let service: AzureKeyService;

anyTest.before(async () => {
  service = await startAzureKeyService();
});
anyTest.afterEach.always(async () => {
  for (const one of started.splice(0)) one.stop();
  await service.fail({});
});
anyTest.after.always(() => service.stop());

/** The official SDK, credentials included, under Azure's own host names. */
function managerOf(deploymentId = `tdd-${randomBytes(5).toString('hex')}`, env: Record<string, string> = {}) {
  const start = (): KeyVaultProcess => {
    const one = new KeyVaultProcess(VAULT, deploymentId, { ...service.env, ...CLIENT_SECRET, ...env });
    started.push(one);
    return one;
  };
  return { manager: start(), restarted: () => Promise.resolve(start()) };
}

keyManagerContract(test, 'azureKeyVault', ['EC-P256', 'EC-P384', 'RSA-2048'], () => Promise.resolve(managerOf()));

test('a signature is one call, and no key is read for it', async (t) => {
  const { manager } = managerOf();
  const key = await manager.createKey('ks_aaaaaaaaaa', 'EC-P256', signal);
  await key.sign(Buffer.from('x'), signal);
  await service.resetCalls();
  await key.sign(Buffer.from('y'), signal);
  t.deepEqual(await service.calls(), { sign: 1 });
});

test('a missing permission is named', async (t) => {
  const { manager } = managerOf();
  const key = await manager.createKey('ks_aaaaaaaaaa', 'EC-P256', signal);
  await service.fail({ deny: ['sign', 'create'] });
  await t.throwsAsync(key.sign(Buffer.from('x'), signal), { code: 'KEY_SERVICE_REFUSED', message: /denied sign/ });
  await t.throwsAsync(manager.createKey('ks_bbbbbbbbbb', 'EC-P256', signal), {
    code: 'KEY_SERVICE_REFUSED',
    message: /denied key create .*Key Vault Crypto Officer/,
  });
});

test('a name that a deleted key still holds is refused', async (t) => {
  const { manager } = managerOf();
  await manager.createKey('ks_aaaaaaaaaa', 'EC-P256', signal);
  await manager.releaseKey('ks_aaaaaaaaaa');
  await t.throwsAsync(manager.createKey('ks_aaaaaaaaaa', 'EC-P256', signal), { code: 'ALREADY_EXISTS' });
});

test('throttling, an outage and an unreachable host are told as such', async (t) => {
  const { manager } = managerOf();
  const key = await manager.createKey('ks_aaaaaaaaaa', 'EC-P256', signal);
  const asked = () => key.sign(Buffer.from('x'), signal);
  await service.fail({ status: 429, retryAfter: 1 });
  await t.throwsAsync(asked(), { code: 'KEY_SERVICE_UNAVAILABLE', message: /throttles sign/ });
  await service.fail({ status: 503 });
  await t.throwsAsync(asked(), { code: 'KEY_SERVICE_UNAVAILABLE', message: /503/ });
  await service.fail({ unreachable: ['*'] });
  await t.throwsAsync(managerOf().manager.listKeys(), { code: 'KEY_SERVICE_UNAVAILABLE' });
  await service.fail({});
  t.is((await asked()).length, 64);
});

test('signatures that begin together, the first ones of a client, are all made', async (t) => {
  for (let client = 0; client < 4; client++) {
    const { manager } = managerOf();
    const key = await manager.createKey('ks_aaaaaaaaaa', 'EC-P256', signal);
    const made = await Promise.all(Array.from({ length: 32 }, (_, i) => key.sign(Buffer.from([i]), signal)));
    t.true(made.every((signature) => signature.length === 64));
  }
});
