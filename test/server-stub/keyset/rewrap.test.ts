import test from 'ava';
import { openHsmWrapper } from '../../../server-stub/src/key-wrapping/hsm-wrapper.js';
import { SpirlError } from '../../../src/runtime/errors.js';
import { FakeClock } from '../../fakes/fake-clock.js';
import { MemoryFileSystem } from '../../fakes/memory-file-system.js';
import { FakeHsm } from '../key-wrapping/fake-key-services.js';
import { activeId, openDeployment, operator, requireUsable, signal } from './deployment.js';

async function open(api = new FakeHsm(), files = new MemoryFileSystem()) {
  const clock = new FakeClock();
  const wrapper = openHsmWrapper({ vaultUrl: 'https://h.managedhsm.azure.net', keyName: 'k', api, clock });
  const deployment = await openDeployment({ files, clock, wrapper });
  const rewrap = async (): Promise<Readonly<Record<string, boolean>>> => {
    const told: Record<string, boolean> = {};
    await deployment.service.rewrap([], (name, changed) => (told[name] = changed), operator, signal);
    return told;
  };
  return { ...deployment, api, rewrap };
}

test('activate, taint, remove and list call no key service; only a new keyset does', async (t) => {
  const { service, api } = await open();
  const old = activeId(service.state.value);
  api.calls.length = 0;
  const { keysetId } = await service.prepare(operator, signal);
  t.deepEqual(api.calls, ['get', 'encrypt']);
  api.calls.length = 0;
  api.failure = new SpirlError('KEY_SERVICE_UNAVAILABLE', 'it is away');
  await service.activate(keysetId, operator, signal);
  await service.taint(old, operator, signal);
  await service.remove(old, operator, signal);
  requireUsable(service.state.value);
  t.deepEqual(api.calls, []);
  const before = service.state.value;
  await t.throwsAsync(service.prepare(operator, signal), { is: api.failure });
  t.is(service.state.value, before);
});

test('after a rotation of the key everything sealed is rewrapped once, and opens in the next start', async (t) => {
  const { service, api, files, events, rewrap } = await open();
  const id = activeId(service.state.value);
  t.deepEqual(await rewrap(), { ring: false, [`keysets/${id}`]: false });
  t.like(events.at(-1), { operation: 'Rewrapped', outcome: 'Unchanged', operator });
  api.rotate();
  t.deepEqual(await rewrap(), { ring: true, [`keysets/${id}`]: true });
  t.like(events.at(-1), { operation: 'Rewrapped', outcome: 'Done', operator });
  t.deepEqual(await rewrap(), { ring: false, [`keysets/${id}`]: false });
  // The server that did it goes on, the next one starts from it.
  const { keysetId } = await service.prepare(operator, signal);
  await service.activate(keysetId, operator, signal);
  const again = await open(api, files);
  requireUsable(again.service.state.value);
  t.is(activeId(again.service.state.value), keysetId);
});

test('a rewrap that fails in the middle leaves every record readable, and repeating it goes on with the rest', async (t) => {
  const { service, api, files, events, rewrap } = await open();
  await service.prepare(operator, signal);
  api.rotate();
  const away = new SpirlError('KEY_SERVICE_UNAVAILABLE', 'it is away');
  const { encrypt } = { encrypt: api.encrypt.bind(api) };
  let left = 1;
  api.encrypt = (...args) => (left-- > 0 ? encrypt(...args) : Promise.reject(away));
  await t.throwsAsync(rewrap(), { is: away });
  t.like(events.at(-1), { operation: 'Rewrapped', outcome: 'Failed', code: 'KEY_SERVICE_UNAVAILABLE' });
  api.encrypt = encrypt;
  requireUsable((await open(api, files)).service.state.value);
  const told = await rewrap();
  t.deepEqual(Object.values(told), [false, true, true]);
});

test('rewrapping and a keyset command do not overlap, and the operator sees how far it is', async (t) => {
  const { service, api, rewrap } = await open();
  api.rotate();
  let go = (): void => {};
  const decrypt = api.decrypt.bind(api);
  const held = new Promise<void>((resolve) => (go = resolve));
  api.decrypt = async (...args) => {
    await held;
    return decrypt(...args);
  };
  const rewrapping = rewrap();
  while (service.underWay?.includes('0 of 2') !== true) await new Promise((resolve) => setImmediate(resolve));
  t.is(service.underWay, 'rewrap by uid:0: 0 of 2 sealed records');
  await t.throwsAsync(service.prepare(operator, signal), { code: 'CONCURRENT_MUTATION' });
  go();
  t.is(Object.keys(await rewrapping).length, 2);
});

test('the same keys, sealed anew by another replica, are taken over; another key is not', async (t) => {
  const api = new FakeHsm();
  const { service, files, store } = await open(api);
  api.rotate();
  const other = await open(api, files);
  await other.rewrap();
  // This replica reads ring and keys again with its next command.
  api.calls.length = 0;
  await service.prepare(operator, signal);
  t.deepEqual(api.calls, ['decrypt', 'decrypt', 'get', 'encrypt']);
  const stored = await store.read('ring');
  const foreign = await open(new FakeHsm());
  const foreignRing = (await foreign.store.read('ring'))?.value as { macKey: object };
  await store.write('ring', { ...(stored?.value as object), macKey: foreignRing.macKey }, stored?.version);
  await t.throwsAsync(service.prepare(operator, signal), { code: 'STORE_CORRUPT', message: /sealed key was replaced/ });
});
