import test from 'ava';
import { createAwsKmsKeyManager } from '../../../../server-stub/src/key-manager/aws-kms/aws-kms-key-manager.js';
import { guardedKeyManager } from '../../../../server-stub/src/key-manager/remote/guarded-key-manager.js';
import { RemoteCalls } from '../../../../server-stub/src/key-manager/remote/remote-calls.js';
import { rawFromDer } from '../../../../server-stub/src/signer/ecdsa-signature.js';
import { SignatureMaker } from '../../../../server-stub/src/signer/signature-maker.js';
import { FakeClock } from '../../../fakes/fake-clock.js';
import { FakeKms } from '../../../fakes/fake-kms.js';

const signal = new AbortController().signal;

test('a service that signs with another key costs the items it signed wrongly and raises the alarm; none of them leaves', async (t) => {
  const api = new FakeKms();
  const alarms: string[] = [];
  const metrics = { keyServiceCalled: () => {}, signedWrongly: (name: string) => alarms.push(name) };
  const calls = new RemoteCalls({ name: 'awsKMS', inFlight: 4, clock: new FakeClock(), metrics, random: () => 0.5 });
  const owner = { trustDomainId: 'td-1', deploymentId: 'tdd-1' };
  const manager = guardedKeyManager(createAwsKmsKeyManager({ api, owner, keyTags: {}, rawFromDer }), calls);
  const key = await manager.createKey('ks_aaaaaaaaaa', 'EC-P256', signal);
  const other = await manager.createKey('ks_bbbbbbbbbb', 'EC-P256', signal);
  const maker = new SignatureMaker(key);
  await maker.sign(Buffer.from('x'), signal);
  const right = api.sign.bind(api);
  api.sign = (request, s) => right({ ...request, arn: other.reference ?? '' }, s);
  await t.throwsAsync(async () => maker.sign(Buffer.from('x'), signal), { code: 'KEY_SERVICE_UNAVAILABLE' });
  t.deepEqual(alarms, ['awsKMS']);
  api.sign = right;
  t.is((await maker.sign(Buffer.from('x'), signal)).length, 64);
});
