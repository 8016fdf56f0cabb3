import test from 'ava';
import { SpiffeId } from '../../../src/domain/spiffe-id.js';
import { packRequests, packResults, unpackRequest, unpackResults } from '../../../server-stub/src/signer/mint-batch.js';
import { SIGNATURE_ALGORITHMS } from '../../../server-stub/src/signer/algorithms.js';
import { TAG, tlv } from '../../../server-stub/src/signer/der.js';
import { derFromRaw } from '../../../server-stub/src/signer/ecdsa-signature.js';
import { signedCertificate } from '../../../server-stub/src/signer/signed-certificate.js';
import { WorkloadKeys } from '../../../server-stub/src/signer/workload-key.js';

const keys = new WorkloadKeys();
const subject = [[{ oid: '2.5.4.10', value: 'SPIRL' }]];

test('what is asked of a worker arrives as it was, each subject once', (t) => {
  const point = keys.next().publicPoint;
  const items = [
    { request: { spiffeId: SpiffeId.parse('spiffe://e.org/a'), subject, ttlMs: 1 }, now: 10 },
    { request: { spiffeId: SpiffeId.parse('spiffe://e.org/b'), subject: [], ttlMs: 2, publicPoint: point }, now: 20 },
    { request: { spiffeId: SpiffeId.parse('spiffe://e.org/c'), subject, ttlMs: 3 }, now: 30 },
  ];
  const packed = packRequests(items);
  t.is(packed.subjects.length, 2);
  const unpacked = items.map((_, index) => unpackRequest(packed, index));
  t.deepEqual(
    unpacked.map(({ request, now }) => ({
      ...request,
      publicPoint: request.publicPoint && [...request.publicPoint],
      now,
    })),
    items
      .map(({ request, now }) => ({ publicPoint: undefined, ...request, now }))
      .map((item) => ({
        ...item,
        publicPoint: item.publicPoint && [...item.publicPoint],
      })),
  );
});

test('results come back in their order, and no copy of a private key stays behind', (t) => {
  const { privateKey } = keys.next();
  const before = Buffer.from(privateKey);
  const one = {
    certificate: Buffer.from('cert'),
    serial: 'ab'.repeat(16),
    notBefore: 1000,
    notAfter: 2000,
    privateKey,
  };
  const two = { ...one, certificate: Buffer.from('another'), privateKey: new Uint8Array() };
  const results = packResults([one, undefined, two]);
  t.true(privateKey.every((octet) => octet === 0));
  const [first, second, third] = unpackResults(results, 3);
  t.deepEqual({ ...first, privateKey: Buffer.from(first?.privateKey ?? []) }, { ...one, privateKey: before });
  t.is(second, undefined);
  t.deepEqual([third?.certificate.toString(), third?.privateKey.length], ['another', 0]);
});

test('a certificate written in one piece is the one joined from encoded pieces, at each length of a DER length', (t) => {
  const raw = Buffer.alloc(64, 0x7f);
  const shapes = [raw, Buffer.alloc(64, 0xff), Buffer.concat([Buffer.alloc(31), Buffer.alloc(33, 1)])];
  for (const length of [1, 60, 127, 128, 180, 255, 256, 400, 65_400, 65_536]) {
    const tbs = tlv(TAG.sequence, Buffer.alloc(length, 5));
    for (const type of ['EC-P256', 'RSA-2048'] as const) {
      const algorithm = SIGNATURE_ALGORITHMS[type];
      for (const signature of type === 'EC-P256' ? shapes : [Buffer.alloc(256, 9)]) {
        const encoded = algorithm.ecdsa ? derFromRaw(signature) : signature;
        const bits = tlv(TAG.bitString, Buffer.of(0), encoded);
        t.deepEqual(
          signedCertificate(tbs, algorithm, signature),
          tlv(TAG.sequence, tbs, algorithm.identifier, bits),
          `${length} octets, ${type}`,
        );
      }
    }
  }
});
