import { X509Certificate } from 'node:crypto';
import test from 'ava';
import { packedResults } from '../../../bench/micro/tricks/plain-minting.js';
import { SpiffeId } from '../../../src/domain/spiffe-id.js';
import { GrowingBuffer } from '../../../server-stub/src/signer/growing-buffer.js';
import {
  packRequests,
  ResultWriter,
  unpackRequest,
  unpackResults,
} from '../../../server-stub/src/signer/mint-batch.js';
import { SIGNATURE_ALGORITHMS } from '../../../server-stub/src/signer/algorithms.js';
import { TAG, tlv } from '../../../server-stub/src/signer/der.js';
import { derFromRaw } from '../../../server-stub/src/signer/ecdsa-signature.js';
import { PlainMint } from '../../../server-stub/src/signer/plain-mint.js';
import {
  signedCertificate,
  signedCertificateLength,
  writeSignedCertificate,
} from '../../../server-stub/src/signer/signed-certificate.js';
import { WorkloadKeys } from '../../../server-stub/src/signer/workload-key.js';
import { X509Signer } from '../../../server-stub/src/signer/x509-signer.js';
import { sharedKey } from './signing-keys.js';
import { caOf, NOW } from './test-ca.js';

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

test('results come back in their order, without those that failed', (t) => {
  const writer = new ResultWriter();
  const leaf = { serial: Buffer.alloc(16, 0xab), notBefore: 1, notAfter: 2 };
  const write = (out: GrowingBuffer, text: string): void => void out.bytes.write(text, out.take(text.length));
  writer.add((out) => {
    write(out, 'keycert');
    return { keyLength: 3, leaf };
  });
  writer.leaveOut();
  writer.add((out) => {
    write(out, 'half a key');
    throw new Error('no certificate');
  });
  writer.add((out) => {
    write(out, 'another');
    return { keyLength: 0, leaf };
  });
  const results = writer.takeAll();
  t.false(Buffer.from(results).includes('half'));
  const texts = unpackResults(results, 4).map(
    (one) => one && { ...one, certificate: one.certificate.toString(), privateKey: String(one.privateKey) },
  );
  const facts = { serial: 'ab'.repeat(16), notBefore: 1000, notAfter: 2000 };
  t.deepEqual(texts, [
    { ...facts, certificate: 'cert', privateKey: 'key' },
    undefined,
    undefined,
    { ...facts, certificate: 'another', privateKey: '' },
  ]);
});

test('what is written where it is transferred from is what is packed afterwards', async (t) => {
  const key = sharedKey();
  const signer = new X509Signer(await caOf(key), key);
  const plain = new PlainMint();
  const writer = new ResultWriter();
  for (const length of [1, 60, 100, 230, 2000]) {
    const spiffeId = SpiffeId.parse(`spiffe://example.org/${'a'.repeat(length)}`);
    const point = length === 60 ? { publicPoint: keys.next().publicPoint } : {};
    writer.add((out) => plain.mintInto(signer, { spiffeId, subject, ttlMs: 60_000, ...point }, NOW, out));
  }
  const written = writer.takeAll();
  const before = Buffer.from(Buffer.from(written));
  const minted = unpackResults(written, 5).flatMap((one) => one ?? []);
  t.is(minted.length, 5);
  for (const { certificate, serial } of minted)
    t.is(new X509Certificate(certificate).serialNumber.toLowerCase(), serial);
  t.deepEqual(Buffer.from(packedResults(minted)), before);
});

test('nothing of a batch stays behind where it was written, also when that had to grow', (t) => {
  const buffer = new GrowingBuffer(8);
  const first = buffer.bytes;
  first.write('secret', buffer.take(6));
  const at = buffer.take(100);
  t.not(buffer.bytes, first);
  t.true(first.every((octet) => octet === 0));
  buffer.bytes.write('more', at);
  const grown = buffer.bytes;
  t.is(Buffer.from(buffer.takeAll()).toString('latin1'), `secretmore${'\0'.repeat(96)}`);
  t.true(grown.every((octet) => octet === 0));
  t.is(buffer.length, 0);
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
        const joined = tlv(TAG.sequence, tbs, algorithm.identifier, bits);
        t.deepEqual(signedCertificate(tbs, algorithm, signature), joined, `${length} octets, ${type}`);
        t.is(signedCertificateLength(tbs, algorithm, signature), joined.length);
        const beside = Buffer.alloc(joined.length + 2);
        writeSignedCertificate(tbs, algorithm, signature, beside, 1);
        t.deepEqual(beside, Buffer.concat([Buffer.of(0), joined, Buffer.of(0)]));
      }
    }
  }
});
