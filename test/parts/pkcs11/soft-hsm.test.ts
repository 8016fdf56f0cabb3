import { createPublicKey, verify } from 'node:crypto';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import test from 'ava';
import type { SigningKey } from '../../../server-stub/src/domain/signing-key.js';
import { keyManagerContract } from '../../contract/key-manager.js';
import { SOFT_HSM_MODULE, SoftHsm } from './soft-hsm.js';
import { openToken } from './token-parts.js';

const hsm = new SoftHsm();
test.after.always(() => hsm.close());
const place = { modulePath: SOFT_HSM_MODULE, tokenLabel: hsm.label, pin: hsm.pin };
const signal = new AbortController().signal;
const DATA = Buffer.from('data');

function verifies(key: SigningKey, signature: Uint8Array): boolean {
  const publicKey = createPublicKey({ key: Buffer.from(key.publicKeySpki), format: 'der', type: 'spki' });
  const hash = key.type === 'EC-P384' ? 'sha384' : 'sha256';
  return verify(hash, DATA, { key: publicKey, dsaEncoding: 'ieee-p1363' }, signature);
}
const signs = async (key: SigningKey): Promise<boolean> => verifies(key, await key.sign(DATA, signal));

let deployments = 0;
const newDeployment = (): string => `tdd-${++deployments}`;

keyManagerContract(test, 'SoftHSM', ['EC-P256', 'EC-P384', 'RSA-2048'], () => {
  const deploymentId = newDeployment();
  const open = () => openToken({ ...place, sessions: 2, deploymentId }).manager;
  return Promise.resolve({ manager: open(), restarted: () => Promise.resolve(open()) });
});

test('SoftHSM: RSA keys sign with digests made by the token', async (t) => {
  const { manager } = openToken({ ...place, hashing: 'token', deploymentId: newDeployment() });
  t.true(await signs(await manager.createKey('ks_aaaaaaaaaa', 'RSA-2048', signal)));
});

test('SoftHSM: another program sees a key that cannot leave the token or be changed', async (t) => {
  const deploymentId = newDeployment();
  await openToken({ ...place, deploymentId }).manager.createKey('ks_0000000001', 'EC-P256', signal);
  const objects = hsm.pkcs11Tool('--list-objects', '--type', 'privkey').split('Private Key Object');
  const [ours, ...others] = objects.filter((text) => text.includes(`spirl ${deploymentId}\n`));
  t.deepEqual(others, []);
  t.regex(ours ?? '', /Access:.*sensitive.*never extractable/);
  t.regex(ours ?? '', new RegExp(`ID: +${Buffer.from('ks_0000000001').toString('hex')}`));
});

test('SoftHSM: the event loop stays free while signatures are made', async (t) => {
  const { manager } = openToken({ ...place, deploymentId: newDeployment() });
  const key = await manager.createKey('ks_0000000003', 'EC-P384', signal);
  await key.sign(DATA, signal);
  const lag = monitorEventLoopDelay({ resolution: 1 });
  lag.enable();
  const begun = performance.now();
  await Promise.all(
    Array.from({ length: 16 }, async () => {
      for (let i = 0; i < 50; i++) await key.sign(DATA, signal);
    }),
  );
  lag.disable();
  const perSecond = Math.round(800 / ((performance.now() - begun) / 1000));
  t.log(`${perSecond} signatures (P-384) a second, 99% of turns within ${(lag.percentile(99) / 1e6).toFixed(1)} ms`);
  // A signature takes 1.4 ms; sixteen at a time would hold up a loop that makes them by itself for 20 ms and more.
  t.true(lag.percentile(50) / 1e6 < 10);
});

test('SoftHSM: a wrong PIN is tried once', async (t) => {
  // The module is logged in already, and would let anybody in: a process of its own.
  const { fork } = await import('node:child_process');
  const child = fork(new URL('./wrong-pin.js', import.meta.url), [SOFT_HSM_MODULE, hsm.label], { silent: true });
  const [report] = (await new Promise<unknown[]>((resolve) =>
    child.on('message', (message) => resolve([message])),
  )) as [{ codes: string[]; messages: string[] }];
  child.disconnect();
  t.deepEqual(report.codes, Array(5).fill('KEY_SERVICE_REFUSED'));
  t.regex(report.messages[0] ?? '', /CKR_PIN_INCORRECT/);
});
