import { createPublicKey, verify } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import test from 'ava';
import type { SigningKey } from '../../../server-stub/src/domain/signing-key.js';
import { SOFT_HSM_MODULE, SoftHsm } from './soft-hsm.js';
import { openToken } from './token-parts.js';

const hsm = new SoftHsm();
test.after.always(() => hsm.close());
const signal = new AbortController().signal;
const DATA = Buffer.from('data');
const codeOf = (error: unknown): string => (error as { code: string }).code;

async function signs(key: SigningKey): Promise<boolean> {
  const publicKey = createPublicKey({ key: Buffer.from(key.publicKeySpki), format: 'der', type: 'spki' });
  return verify('sha256', DATA, { key: publicKey, dsaEncoding: 'ieee-p1363' }, await key.sign(DATA, signal));
}

test.serial('SoftHSM: the token is pulled out while signatures are made, and comes back', async (t) => {
  const { manager, token } = openToken({ modulePath: SOFT_HSM_MODULE, tokenLabel: hsm.label, pin: hsm.pin });
  const key = await manager.createKey('ks_0000000002', 'EC-P256', signal);
  const outcomes: string[] = [];
  const stop = new AbortController();
  const signing = Array.from({ length: 4 }, async () => {
    while (!stop.signal.aborted) {
      outcomes.push(await signs(key).then(String, codeOf));
      await delay(2);
    }
  });
  await delay(200);
  hsm.remove();
  await delay(1_000);
  t.is(outcomes.at(-1), 'KEY_SERVICE_UNAVAILABLE');
  hsm.insert();
  for (let i = 0; i < 100 && outcomes.at(-1) !== 'true'; i++) await delay(100);
  stop.abort();
  await Promise.all(signing);
  t.is(outcomes.at(-1), 'true');
  t.deepEqual([...new Set(outcomes)].sort(), ['KEY_SERVICE_UNAVAILABLE', 'true'], 'and never a bad signature');
  await token.close();
});

test.serial(
  'SoftHSM: a token that was pulled out is away and not empty, for whoever lists or releases keys',
  async (t) => {
    const { manager, token } = openToken({
      ...{ modulePath: SOFT_HSM_MODULE, tokenLabel: hsm.label, pin: hsm.pin },
      deploymentId: 'tdd-empty',
    });
    await manager.createKey('ks_0000000003', 'EC-P256', signal);
    hsm.remove();
    const away = { code: 'KEY_SERVICE_UNAVAILABLE', message: /is away/ };
    await t.throwsAsync(manager.listKeys(signal), away);
    await t.throwsAsync(manager.releaseKey('ks_0000000003', signal), away);
    hsm.insert();
    const listed = async (): Promise<string[]> => (await manager.listKeys(signal)).map(({ id }) => id);
    let found = await listed().catch(codeOf);
    for (let i = 0; i < 100 && typeof found === 'string'; i++) {
      await delay(100);
      found = await listed().catch(codeOf);
    }
    t.deepEqual(found, ['ks_0000000003']);
    await token.close();
  },
);
