import { createPublicKey, verify } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import test from 'ava';
import { createWebhookKeyManager } from '../../../server-stub/src/key-manager/webhook/webhook-key-manager.js';
import { WebhookService } from '../../../server-stub/src/key-manager/webhook/webhook-service.js';
import type { SigningKey } from '../../../server-stub/src/domain/signing-key.js';
import { rawFromDer } from '../../../server-stub/src/signer/ecdsa-signature.js';
import { systemClock } from '../../../src/runtime/clock.js';
import { keyManagerContract } from '../../contract/key-manager.js';
import { Bridge } from './bridge.js';
import { SoftHsm } from './soft-hsm.js';

const hsm = new SoftHsm('bridge');
const starting = Bridge.start(hsm, { RELEASE_GRACE_SECONDS: '0' });
test.after.always(async () => {
  await (await starting).close();
  hsm.close();
});

const signal = new AbortController().signal;
// Tests of this file run at the same time.
setMaxListeners(0, signal);
const DATA = Buffer.from('data');

function verifies(key: SigningKey, signature: Uint8Array): boolean {
  const publicKey = createPublicKey({ key: Buffer.from(key.publicKeySpki), format: 'der', type: 'spki' });
  return verify('sha256', DATA, { key: publicKey, dsaEncoding: 'ieee-p1363' }, signature);
}

function managerOf(bridge: Bridge, deploymentId: string, token = bridge.token) {
  const files = {
    problem: () => undefined,
    read: (path: string) => Promise.resolve(path === '/token' ? token : bridge.ca),
  };
  const settings = { webhookURL: bridge.url, timeoutMs: 5_000, caCertPath: '/ca', bearerTokenPath: '/token' };
  const service = new WebhookService(settings, { clock: systemClock, files, webhookHosts: ['127.0.0.1'] });
  return createWebhookKeyManager(service, { owner: { trustDomainId: 'td-1', deploymentId }, rawFromDer });
}

let deployments = 0;
keyManagerContract(test, 'the bridge over SoftHSM', ['EC-P256', 'EC-P384'], async () => {
  const bridge = await starting;
  const deploymentId = `tdd-${++deployments}`;
  return {
    manager: managerOf(bridge, deploymentId),
    restarted: () => Promise.resolve(managerOf(bridge, deploymentId)),
  };
});

test('the bridge makes a thousand signatures, each of which verifies', async (t) => {
  const key = await managerOf(await starting, 'tdd-many').createKey('ks_0000000001', 'EC-P256', signal);
  const begun = performance.now();
  let right = 0;
  const sign = async (): Promise<void> => {
    for (let i = 0; i < 125; i++) if (verifies(key, await key.sign(DATA, signal))) right++;
  };
  await Promise.all(Array.from({ length: 8 }, sign));
  t.is(right, 1_000);
  t.log(`${Math.round(1_000_000 / (performance.now() - begun))} signatures a second`);
});

test('the bridge makes no RSA keys, and says which it makes', async (t) => {
  const manager = managerOf(await starting, 'tdd-rsa');
  await t.throwsAsync(manager.createKey('ks_0000000004', 'RSA-2048', signal), {
    code: 'KEY_SERVICE_REFUSED',
    message: /HTTP 400: .*key_type: EC-P256 or EC-P384/,
  });
  t.deepEqual(await manager.listKeys(signal), []);
});

test('the bridge refuses another token', async (t) => {
  const manager = managerOf(await starting, 'tdd-thief', 'another');
  await t.throwsAsync(manager.listKeys(signal), { code: 'KEY_SERVICE_REFUSED', message: /HTTP 401/ });
});

test.serial('the bridge says that its token is away, and signs again when it is back', async (t) => {
  const key = await managerOf(await starting, 'tdd-removed').createKey('ks_0000000002', 'EC-P256', signal);
  const manager = managerOf(await starting, 'tdd-removed');
  hsm.remove();
  // First the list: in the session that is open the token looks empty, not gone.
  await t.throwsAsync(manager.listKeys(signal), { code: 'KEY_SERVICE_UNAVAILABLE', message: /HTTP 503/ });
  await t.throwsAsync(key.sign(DATA, signal), {
    code: 'KEY_SERVICE_UNAVAILABLE',
    message: /is too busy to sign: HTTP 503/,
  });
  hsm.insert();
  t.is((await manager.listKeys(signal)).length, 1);
  t.true(verifies(key, await key.sign(DATA, signal)));
});
