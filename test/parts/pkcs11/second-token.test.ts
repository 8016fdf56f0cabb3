import { createPublicKey, verify } from 'node:crypto';
import { readdirSync } from 'node:fs';
import test from 'ava';
import { silentLogger } from '../../../src/runtime/logger.js';
import { systemClock } from '../../../src/runtime/clock.js';
import {
  CKF,
  createCryptoki,
  type Cryptoki,
  type Handle,
} from '../../../server-stub/src/key-manager/pkcs11/cryptoki.js';
import type { SigningKey } from '../../../server-stub/src/domain/signing-key.js';
import { KeyManagers } from '../../../server-stub/src/key-manager/key-managers.js';
import { bindingProblem } from '../../../server-stub/src/key-manager/pkcs11/cryptoki.js';
import { createSealedKeyManager } from '../../../server-stub/src/key-manager/sealed-key-manager.js';
import { rawFromDer } from '../../../server-stub/src/signer/ecdsa-signature.js';
import { MemoryRecordStore } from '../../fakes/memory-record-store.js';
import { plainSealer } from '../../fakes/plain-sealer.js';
import { SOFT_HSM_MODULE, SoftHsm } from './soft-hsm.js';

// A section that moves from one token of SoftHSM to another, which is made while the first is in use.

const hsm = new SoftHsm('first');
test.after.always(() => hsm.close());
const signal = new AbortController().signal;
const DATA = Buffer.from('data');

const section = (tokenLabel: string) => ({
  extensions: { pkcs11: { modulePath: SOFT_HSM_MODULE, tokenLabel, pinPath: '/pin', sessions: 2 } },
});

function keyManagers() {
  const live: { spec: unknown } = { spec: section('first') };
  const no = () => Promise.reject(new Error('nobody asks for it'));
  const managers = new KeyManagers({
    ...{ webhookHosts: [], modules: [SOFT_HSM_MODULE], pkcs11Problem: bindingProblem, environment: () => undefined },
    files: { problem: () => undefined, read: () => Promise.resolve(hsm.pin) },
    owner: { trustDomainId: 'td-1', deploymentId: 'tdd-1' },
    clock: systemClock,
    logger: silentLogger,
    rawFromDer,
    connectAwsKms: { defaultRegion: no, connect: no },
    connectKeyVault: no,
    sealed: createSealedKeyManager({ store: new MemoryRecordStore(), sealer: plainSealer }),
    spec: () => live.spec,
    metrics: { keyServiceCalled: () => {}, signedWrongly: () => {} },
    random: Math.random,
  });
  return { managers, live };
}

async function signs(key: SigningKey): Promise<boolean> {
  const publicKey = createPublicKey({ key: Buffer.from(key.publicKeySpki), format: 'der', type: 'spki' });
  return verify('sha256', DATA, { key: publicKey, dsaEncoding: 'ieee-p1363' }, await key.sign(DATA, signal));
}

/** What SessionInfo says of public sessions and of a user's. */
const USER_STATES = [1, 3];

/** Whether this process has a session with the token: a login lasts as long as the last one. */
function useOf(label: string): 'in use' | 'let go' {
  const module = createCryptoki() as Cryptoki & { C_GetSessionInfo(session: Handle): { readonly state: number } };
  module.load(SOFT_HSM_MODULE);
  const slot = module.C_GetSlotList(true).find((one) => module.C_GetTokenInfo(one).label.trim() === label);
  if (slot === undefined) throw new Error(`there is no token ${label}`);
  const session = module.C_OpenSession(slot, CKF.SERIAL_SESSION);
  const { state } = module.C_GetSessionInfo(session);
  module.C_CloseSession(session);
  return USER_STATES.includes(state) ? 'in use' : 'let go';
}

/** Of this process; each session has one. */
const threads = (): number => readdirSync('/proc/self/task').length;

test('SoftHSM: a second token, made later, is reached while the first is in use; the first is let go of with its last keyset', async (t) => {
  const { managers, live } = keyManagers();
  const first = await managers.next();
  const old = await first.manager.createKey('ks_aaaaaaaaaa', 'EC-P256', signal);
  t.is(useOf('first'), 'in use');
  const withOne = threads();

  hsm.addToken('second');
  live.spec = section('second');
  const second = await managers.next();
  const made = await eventually(() => second.manager.createKey('ks_bbbbbbbbbb', 'EC-P256', signal));
  t.true(await signs(made));
  t.true(await signs(old), 'the older keyset stays where it was made');

  await managers.settle([first, second]);
  t.deepEqual([useOf('first'), useOf('second')], ['in use', 'in use']);
  t.is(threads(), withOne + 2);
  await managers.settle([second]);
  t.deepEqual([useOf('first'), useOf('second')], ['let go', 'in use']);
  await eventually(() =>
    threads() === withOne ? Promise.resolve() : Promise.reject(new Error(`${threads()} threads`)),
  );
  t.true(await signs(made));

  await managers.close();
  t.is(useOf('second'), 'let go');
});

/** The module is asked anew after a failure only. */
async function eventually<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await work();
    } catch (error) {
      if (tries === 20) throw error;
      await systemClock.sleep(250, signal);
    }
  }
}
