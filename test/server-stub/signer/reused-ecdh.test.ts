import { createECDH, createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import test from 'ava';
import { exportedPair, keyPairByItself } from '../../../bench/micro/tricks/plain-minting.js';
import {
  P256_SPKI_PREFIX,
  PKCS8_LENGTH,
  WorkloadKeys,
  writePkcs8,
} from '../../../server-stub/src/signer/workload-key.js';

const DATA = Buffer.from('signed');

test('keys of a reused object are pairs as those made one by one are, and none comes twice', (t) => {
  const keys = new WorkloadKeys();
  const seen = new Set<string>();
  for (let i = 0; i < 300; i++) {
    const { publicPoint, privateKey } = keys.next();
    const key = createPrivateKey({ key: privateKey, format: 'der', type: 'pkcs8' });
    const { d = '' } = key.export({ format: 'jwk' });
    // The point is what the scalar alone leads to, by an object that has made nothing before.
    const alone = createECDH('prime256v1');
    alone.setPrivateKey(Buffer.from(d, 'base64url'));
    t.deepEqual(alone.getPublicKey(), publicPoint);
    const spki = Buffer.concat([P256_SPKI_PREFIX, publicPoint]);
    const publicKey = createPublicKey({ key: spki, format: 'der', type: 'spki' });
    t.true(verify('sha256', DATA, publicKey, sign('sha256', DATA, key)));
    seen.add(publicPoint.toString('hex')).add(d);
  }
  t.is(seen.size, 600);
});

test('a pair that the library made is encoded by template as the library exports it', (t) => {
  for (let i = 0; i < 100; i++) {
    const pair = keyPairByItself();
    const { d = '', x = '', y = '' } = pair.privateKey.export({ format: 'jwk' });
    const point = Buffer.concat([Buffer.of(4), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]);
    const privateKey = Buffer.alloc(PKCS8_LENGTH);
    writePkcs8(Buffer.from(d, 'base64url'), point, privateKey, 0);
    t.deepEqual({ privateKey, publicKey: Buffer.concat([P256_SPKI_PREFIX, point]) }, exportedPair(pair));
  }
});
