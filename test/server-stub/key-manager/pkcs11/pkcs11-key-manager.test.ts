import { setMaxListeners } from 'node:events';
import { createPublicKey, verify } from 'node:crypto';
import test from 'ava';
import { KeyServiceThrottled } from '../../../../server-stub/src/domain/key-manager.js';
import type { KeyType, SigningKey } from '../../../../server-stub/src/domain/signing-key.js';
import { CKA, CKF, CKO } from '../../../../server-stub/src/key-manager/pkcs11/cryptoki.js';
import { keyManagerContract } from '../../../contract/key-manager.js';
import { CKR_ERRORS, FakeModule } from '../../../fakes/fake-cryptoki.js';
import { tokenOf } from './token-of.js';

const signal = new AbortController().signal;
// Tests of this file run at the same time.
setMaxListeners(0, signal);
const ID = 'ks_aaaaaaaaaa';
const DATA = Buffer.from('data');

const contract = (name: string, hashing: 'here' | 'token', types: readonly KeyType[]): void =>
  keyManagerContract(test, name, types, () => {
    const module = new FakeModule();
    const { manager } = tokenOf(module, { hashing });
    return Promise.resolve({ manager, restarted: () => Promise.resolve(tokenOf(module, { hashing }).manager) });
  });
contract('pkcs11', 'here', ['EC-P256', 'EC-P384']);
contract('pkcs11 with digests made by the token', 'token', ['EC-P256', 'EC-P384', 'RSA-2048']);

function verifies(key: SigningKey, signature: Uint8Array): boolean {
  const publicKey = createPublicKey({ key: Buffer.from(key.publicKeySpki), format: 'der', type: 'spki' });
  return verify('sha256', DATA, { key: publicKey, dsaEncoding: 'ieee-p1363' }, signature);
}

async function signs(key: SigningKey): Promise<boolean> {
  return verifies(key, await key.sign(DATA, signal));
}

test('a private key cannot be read, copied or changed, and says whose it is', async (t) => {
  const module = new FakeModule();
  await tokenOf(module).manager.createKey(ID, 'EC-P256', signal);
  const secret = [...module.objects.values()].find(({ attributes }) => attributes.get(CKA.CLASS) === CKO.PRIVATE_KEY);
  const attribute = (type: number) => secret?.attributes.get(type);
  t.is(attribute(CKA.EXTRACTABLE), false);
  t.is(attribute(CKA.MODIFIABLE), false);
  for (const type of [CKA.TOKEN, CKA.PRIVATE, CKA.SENSITIVE, CKA.SIGN]) t.is(attribute(type), true);
  t.is(String(attribute(CKA.LABEL)), 'spirl tdd-1');
  t.is(String(attribute(CKA.ID)), ID);
});

test('a token is shared by deployments', async (t) => {
  const module = new FakeModule();
  const [one, two] = [tokenOf(module), tokenOf(module, { deploymentId: 'tdd-2' })];
  await one.manager.createKey(ID, 'EC-P256', signal);
  t.deepEqual(await two.manager.listKeys(signal), []);
  await two.manager.createKey(ID, 'EC-P256', signal);
  await one.manager.releaseKey(ID, signal);
  t.is((await two.manager.listKeys(signal)).length, 1);
});

test('points without their OCTET STRING are understood', async (t) => {
  const module = new FakeModule();
  module.barePoints = true;
  t.true(await signs(await tokenOf(module).manager.createKey(ID, 'EC-P256', signal)));
});

test('half a pair is listed as a key that nobody can use, so that it can be released', async (t) => {
  const module = new FakeModule();
  const { manager } = tokenOf(module);
  await manager.createKey(ID, 'EC-P256', signal);
  for (const [number, { attributes }] of module.objects) {
    if (attributes.get(CKA.CLASS) === CKO.PUBLIC_KEY) module.objects.delete(number);
  }
  t.deepEqual(
    (await manager.listKeys(signal)).map(({ id, publicKeySpki }) => [id, publicKeySpki.length]),
    [[ID, 0]],
  );
  await manager.releaseKey(ID, signal);
  t.is(module.objects.size, 0);
});

test('a token with room for fewer sessions is used with fewer', async (t) => {
  const module = new FakeModule();
  module.room = 2;
  const { manager } = tokenOf(module, { sessions: 4 });
  const key = await manager.createKey(ID, 'EC-P256', signal);
  t.true((await Promise.all(Array.from({ length: 4 }, () => signs(key)))).every(Boolean));
  t.is(module.sessions.size, 2);
});

test('a token without room for a session asks for patience', async (t) => {
  const module = new FakeModule();
  module.room = 0;
  await t.throwsAsync(tokenOf(module).manager.listKeys(signal), { instanceOf: KeyServiceThrottled });
});

test('a token that was pulled out has not lost its keys, however empty it looks: nothing is listed, nothing counts as released', async (t) => {
  const module = new FakeModule();
  module.looksEmpty = true;
  const { manager, clock } = tokenOf(module);
  await manager.createKey(ID, 'EC-P256', signal);
  module.remove();
  const away = { code: 'KEY_SERVICE_UNAVAILABLE', message: /is away: the token is not there/ };
  await t.throwsAsync(manager.listKeys(signal), away);
  await t.throwsAsync(manager.releaseKey(ID, signal), away);
  await t.throwsAsync(manager.createKey('ks_bbbbbbbbbb', 'EC-P256', signal), away);
  module.insert();
  await clock.advance(60_000);
  t.is((await manager.listKeys(signal)).length, 1);
});

for (const name of [
  'SESSION_HANDLE_INVALID',
  'DEVICE_REMOVED',
  'USER_NOT_LOGGED_IN',
  'KEY_HANDLE_INVALID',
  'VENDOR',
] as const) {
  test(`a signature survives ${name}: the sessions are opened again`, async (t) => {
    const module = new FakeModule();
    const key = await tokenOf(module).manager.createKey(ID, 'EC-P256', signal);
    module.failNext.set('C_Sign', CKR_ERRORS[name]);
    t.true(await signs(key));
    t.true(await signs(key));
  });
}

test('a key is not made twice when its making fails', async (t) => {
  const module = new FakeModule();
  const { manager } = tokenOf(module);
  await manager.listKeys(signal);
  module.failNext.set('C_GenerateKeyPair', CKR_ERRORS.DEVICE_REMOVED);
  await t.throwsAsync(manager.createKey(ID, 'EC-P256', signal), { code: 'KEY_SERVICE_UNAVAILABLE' });
  t.is(module.calls.filter((call) => call === 'C_GenerateKeyPair').length, 1);
  t.truthy(await manager.createKey(ID, 'EC-P256', signal));
});

test('what a token refuses is refused, by the name of its reason', async (t) => {
  const module = new FakeModule();
  const key = await tokenOf(module).manager.createKey(ID, 'EC-P256', signal);
  module.failNext.set('C_SignInit', CKR_ERRORS.MECHANISM_INVALID);
  await t.throwsAsync(key.sign(DATA, signal), {
    code: 'KEY_SERVICE_REFUSED',
    message: 'PKCS#11 token "tokens of tests" refused: CKR_MECHANISM_INVALID',
  });
});

test('a token that is pulled out makes calls fail at once, and signs again when it is back', async (t) => {
  const module = new FakeModule();
  const { manager, clock } = tokenOf(module);
  const key = await manager.createKey(ID, 'EC-P256', signal);
  module.remove();
  await t.throwsAsync(key.sign(DATA, signal), { code: 'KEY_SERVICE_UNAVAILABLE', message: /the token is not there/ });
  const asked = module.calls.length;
  await t.throwsAsync(key.sign(DATA, signal), { code: 'KEY_SERVICE_UNAVAILABLE' });
  t.is(module.calls.length, asked, 'the module is left alone for a while');
  module.insert();
  await clock.advance(400);
  t.true(await signs(key));
});

test('a module that sees tokens only at its beginning is begun anew; whoever else uses it opens again by itself', async (t) => {
  const module = new FakeModule();
  module.needsNewBeginning = true;
  const [one, two] = [tokenOf(module), tokenOf(module)];
  const key = await one.manager.createKey(ID, 'EC-P256', signal);
  const other = await two.manager.createKey('ks_bbbbbbbbbb', 'EC-P256', signal);
  module.remove();
  await t.throwsAsync(key.sign(DATA, signal), { code: 'KEY_SERVICE_UNAVAILABLE' });
  module.insert();
  await one.clock.advance(400);
  t.true(await signs(key));
  t.true(await signs(other));
});

test('one that stays away makes the others open again once in five minutes, not each time that it is looked for', async (t) => {
  const module = new FakeModule();
  const well = tokenOf(module);
  const key = await well.manager.createKey(ID, 'EC-P256', signal);
  const beginnings = () => module.calls.filter((call) => call === 'C_Finalize').length;
  const absent = tokenOf(module, { label: 'never seen' });
  for (let second = 0; second < 290; second++) {
    await t.throwsAsync(absent.manager.listKeys(signal), { code: 'KEY_SERVICE_UNAVAILABLE' });
    t.true(await signs(key));
    await absent.clock.advance(1000);
  }
  t.is(beginnings(), 1);
});

test('closed, it has no session, no login and no thread, and the module stays begun; asked again, it is there again', async (t) => {
  const module = new FakeModule();
  const { manager, token, lanes } = tokenOf(module, { sessions: 2 });
  const key = await manager.createKey(ID, 'EC-P256', signal);
  t.is(module.sessions.size, 2);
  await token.close();
  t.is(module.sessions.size, 0);
  t.false(module.loggedIn);
  t.true(module.initialized);
  t.true(lanes.every(({ ended }) => ended));
  t.true(await signs(key));
  t.is(module.sessions.size, 2);
});

test('a token that stays away is looked for at longer and longer intervals', async (t) => {
  const module = new FakeModule();
  const { manager, clock } = tokenOf(module);
  module.remove();
  for (let ms = 0; ms < 60_000; ms += 50) {
    await t.throwsAsync(manager.listKeys(signal), { code: 'KEY_SERVICE_UNAVAILABLE' });
    clock.jump(50);
  }
  const looks = module.calls.filter((call) => call === 'C_GetSlotList').length;
  t.true(looks >= 8 && looks <= 14, `${looks} looks in a minute`);
});

test('a wrong PIN is tried once, however often somebody asks', async (t) => {
  const module = new FakeModule();
  const { manager, clock, pin } = tokenOf(module);
  pin.value = '9999';
  for (let i = 0; i < 20; i++) {
    const error = await t.throwsAsync(manager.listKeys(signal), {
      code: 'KEY_SERVICE_REFUSED',
      message: /CKR_PIN_INCORRECT/,
    });
    t.notRegex(error.message, /9999/);
    await clock.advance(20_000);
  }
  t.deepEqual(module.tries, ['9999']);
  pin.value = '1234';
  t.deepEqual(await manager.listKeys(signal), [], 'a corrected one is tried');
  t.deepEqual(module.tries, ['9999', '1234']);
});

for (const [flag, message] of [
  [CKF.USER_PIN_FINAL_TRY, /one wrong PIN more would lock the token/],
  [CKF.USER_PIN_LOCKED, /the PIN is locked/],
] as const) {
  test(`no PIN is tried on a token that says: ${message.source}`, async (t) => {
    const module = new FakeModule();
    module.flags |= flag;
    await t.throwsAsync(tokenOf(module).manager.listKeys(signal), { code: 'KEY_SERVICE_REFUSED', message });
    t.deepEqual(module.tries, []);
  });
}

test('several tokens at once log in once', async (t) => {
  const module = new FakeModule();
  const { manager } = tokenOf(module, { sessions: 4 });
  await Promise.all([manager.listKeys(signal), manager.listKeys(signal), manager.listKeys(signal)]);
  t.deepEqual(module.tries, ['1234']);
  t.is(module.sessions.size, 4);
});

test('a thread that ended is replaced', async (t) => {
  const module = new FakeModule();
  const { manager, lanes } = tokenOf(module);
  const key = await manager.createKey(ID, 'EC-P256', signal);
  for (const lane of lanes) lane.close();
  t.true(await signs(key));
  t.is(lanes.length, 4);
});

test('a caller that leaves the queue takes nobody along', async (t) => {
  const module = new FakeModule();
  const { manager, lanes } = tokenOf(module, { sessions: 1 });
  const key = await manager.createKey(ID, 'EC-P256', signal);
  let open = (): void => {};
  const held = new Promise<void>((resolve) => {
    open = resolve;
  });
  for (const lane of lanes) lane.gate = () => held;
  const gone = new AbortController();
  const first = [signs(key), signs(key)];
  const leaving = key.sign(DATA, gone.signal);
  const last = signs(key);
  gone.abort(new Error('gone'));
  await t.throwsAsync(leaving, { message: 'gone' });
  open();
  t.deepEqual(await Promise.all([...first, last]), [true, true, true]);
});
