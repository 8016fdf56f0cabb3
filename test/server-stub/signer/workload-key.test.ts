import { createPrivateKey, createPublicKey, createECDH } from 'node:crypto';
import test from 'ava';
import { SerialNumbers } from '../../../server-stub/src/signer/serial-numbers.js';
import {
  P256_SPKI_PREFIX,
  PKCS8_LENGTH,
  WorkloadKeys,
  writePkcs8,
} from '../../../server-stub/src/signer/workload-key.js';

test('a key by template is the PKCS#8 that the crypto library exports', (t) => {
  const keys = new WorkloadKeys();
  for (let i = 0; i < 200; i++) {
    const { publicPoint, privateKey } = keys.next();
    const parsed = createPrivateKey({ key: privateKey, format: 'der', type: 'pkcs8' });
    t.deepEqual(parsed.export({ format: 'der', type: 'pkcs8' }), privateKey);
    const spki = createPublicKey(parsed).export({ format: 'der', type: 'spki' });
    t.deepEqual(spki, Buffer.concat([P256_SPKI_PREFIX, publicPoint]));
  }
});

test('a scalar with leading zeros, which comes short, is padded', (t) => {
  const ecdh = createECDH('prime256v1');
  for (const scalar of [Buffer.of(7), Buffer.concat([Buffer.alloc(2), Buffer.alloc(30, 3)])]) {
    ecdh.setPrivateKey(scalar);
    const short = ecdh.getPrivateKey();
    t.true(short.length < 32);
    const encoded = Buffer.alloc(PKCS8_LENGTH);
    writePkcs8(short, ecdh.getPublicKey(), encoded, 0);
    t.is(encoded.length, 138);
    // Read back alone: a parser takes the point beside a scalar as given.
    t.deepEqual(encoded.subarray(36, 68), Buffer.concat([Buffer.alloc(32 - short.length), short]));
    const parsed = createPrivateKey({ key: encoded, format: 'der', type: 'pkcs8' });
    t.deepEqual(parsed.export({ format: 'der', type: 'pkcs8' }), encoded);
  }
});

test('serial numbers are positive, minimal, sixteen octets and never the same', (t) => {
  const serials = new SerialNumbers();
  const seen = new Set<string>();
  for (let i = 0; i < 2000; i++) {
    const serial = serials.next();
    t.is(serial.length, 16);
    t.is((serial[0] ?? 0) & 0xc0, 0x40);
    seen.add(serial.toString('hex'));
  }
  t.is(seen.size, 2000);
});
