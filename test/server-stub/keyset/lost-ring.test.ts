import test from 'ava';
import { operator, signal, type Deployment } from './deployment.js';
import { outside, Services } from './services.js';

async function loseRing({ store }: Deployment): Promise<void> {
  const ring = await store.read('ring');
  await store.remove('ring', ring?.version ?? '');
}

test('a ring that was lost is no first start: keys of this deployment elsewhere stop it, and none of them is touched', async (t) => {
  const services = new Services();
  const lost = await services.open();
  const { keysetId } = await lost.service.prepare(operator, signal);
  const living = services.living();
  await loseRing(lost);
  const again = services.open({ files: lost.files, clock: lost.clock });
  const error = await t.throwsAsync(again, { code: 'STORE_CORRUPT' });
  t.regex(
    error.message,
    /record "ring" cannot be used: it holds no key set, but key manager "awsKMS" holds keys of this/,
  );
  t.true(error.message.includes(keysetId));
  t.deepEqual(services.living(), living);
  // Neither does the empty ring that the attempt wrote make it a first start.
  await t.throwsAsync(services.open({ files: lost.files, clock: lost.clock }), { code: 'STORE_CORRUPT' });
  t.deepEqual(services.living(), living);
  for (const key of services.kms.europe.keys.values()) key.state = 'pending deletion';
  const anew = await services.open({ files: lost.files, clock: lost.clock });
  t.is(outside(anew).length, 1);
});

test('a whole store that was lost is recognised by the keys too, where the deployment keeps its id', async (t) => {
  const services = new Services();
  await services.open();
  const living = services.living();
  await t.throwsAsync(services.open(), { code: 'STORE_CORRUPT', message: /"awsKMS" holds keys of this deployment/ });
  t.deepEqual(services.living(), living);
});

for (const name of ['loose-keys/ks_aaaaaaaaaa', 'clusters/c-1', 'agents/a-1']) {
  test(`a ring that is missing beside record ${name} was lost, wherever its keys are`, async (t) => {
    const services = new Services();
    services.next = 'sealed';
    const d = await services.open();
    await loseRing(d);
    for (const key of await d.store.list('keysets/'))
      await d.store.remove(key, (await d.store.read(key))?.version ?? '');
    await d.store.write(name, { format: 1 }, undefined);
    await t.throwsAsync(services.open({ files: d.files }), {
      code: 'STORE_CORRUPT',
      message: `record "ring" cannot be used: it is missing, but record "${name}" exists`,
    });
  });
}
