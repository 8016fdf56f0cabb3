import { setMaxListeners } from 'node:events';
import test from 'ava';
import { CKM, createCryptoki } from '../../../server-stub/src/key-manager/pkcs11/cryptoki.js';
import { TokenSession } from '../../../server-stub/src/key-manager/pkcs11/token-session.js';
import { keyManagerContract } from '../../contract/key-manager.js';
import { SoftTpm, TPM2_MODULE } from './soft-tpm.js';
import { openToken } from './token-parts.js';

const starting = SoftTpm.start();
test.after.always(async () => (await starting).close());
const signal = new AbortController().signal;
setMaxListeners(0, signal);

async function place() {
  const { label: tokenLabel, pin } = await starting;
  return { modulePath: TPM2_MODULE, tokenLabel, pin };
}

let deployments = 0;
keyManagerContract(test, 'TPM', ['EC-P256', 'EC-P384'], async () => {
  const deploymentId = `tdd-${++deployments}`;
  const at = await place();
  const open = () => openToken({ ...at, sessions: 1, deploymentId }).manager;
  return { manager: open(), restarted: () => Promise.resolve(open()) };
});

test.serial('TPM: most of what the token can do arrives', async (t) => {
  const at = await place();
  const { manager, token } = openToken({ ...at, sessions: 2, deploymentId: 'tdd-speed' });
  const key = await manager.createKey('ks_0000000001', 'EC-P256', signal);
  const perSecond = async (count: number, work: () => Promise<void>): Promise<number> => {
    const begun = performance.now();
    await work();
    return count / ((performance.now() - begun) / 1000);
  };
  const name = { label: 'spirl tdd-speed', id: 'ks_0000000001' };
  const bare = new TokenSession(createCryptoki());
  bare.carryOut({ do: 'open', begin: 'once', ...at });
  const alone = await perSecond(100, () => {
    for (let i = 0; i < 100; i++)
      bare.carryOut({ do: 'sign', ...name, mechanism: CKM.ECDSA, data: Buffer.alloc(32, 7) });
    return Promise.resolve();
  });
  const ours = await perSecond(100, async () => {
    const some = async (): Promise<void> => {
      for (let i = 0; i < 25; i++) await key.sign(Buffer.from('data'), signal);
    };
    await Promise.all([some(), some(), some(), some()]);
  });
  await token.close();
  t.log(`${ours.toFixed(0)} signatures a second, ${alone.toFixed(0)} by a bare client: ${(ours / alone).toFixed(2)}`);
  t.pass();
});
