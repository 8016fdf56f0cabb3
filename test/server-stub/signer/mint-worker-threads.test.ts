import { createPrivateKey, hash, X509Certificate } from 'node:crypto';
import test from 'ava';
import fc from 'fast-check';
import { SpiffeId } from '../../../src/domain/spiffe-id.js';
import * as x509 from '../../../src/runtime/x509.js';
import type { KeyType } from '../../../server-stub/src/domain/signing-key.js';
import { SIGNATURE_ALGORITHMS } from '../../../server-stub/src/signer/algorithms.js';
import { DerReader, TAG } from '../../../server-stub/src/signer/der.js';
import { encodeName } from '../../../server-stub/src/signer/distinguished-name.js';
import { parseIssuerCertificate } from '../../../server-stub/src/signer/issuer-certificate.js';
import { LeafTemplate } from '../../../server-stub/src/signer/leaf-template.js';
import { startThread, type StartThread, type Thread } from '../../../server-stub/src/signer/mint-thread.js';
import type { Minted, MintRequest } from '../../../server-stub/src/signer/plain-mint.js';
import { encodeTime } from '../../../server-stub/src/signer/validity.js';
import { WorkloadKeys, writePkcs8 } from '../../../server-stub/src/signer/workload-key.js';
import { X509Signer } from '../../../server-stub/src/signer/x509-signer.js';
import { callerOf } from '../../fakes/svid-caller.js';
import { forever, sharedKey } from './signing-keys.js';
import { openThreadMinter } from './thread-minter.js';
import { caOf, NOW } from './test-ca.js';

const caller = callerOf(forever);

async function authority(type: KeyType) {
  const key = sharedKey(type);
  const certificate = await caOf(key);
  // A keyset that was replaced gets new signers when it comes back.
  const newSigner = (): X509Signer => new X509Signer(certificate, key);
  return { type, certificate, newSigner, signer: newSigner(), ca: new X509Certificate(certificate) };
}

/** To-be-signed part as the main thread encodes it, of the same values. */
function plainTbs(by: Awaited<ReturnType<typeof authority>>, request: MintRequest, minted: Minted): Buffer {
  const issuer = parseIssuerCertificate(by.certificate);
  const spki = new X509Certificate(minted.certificate).publicKey.export({ format: 'der', type: 'spki' });
  const publicPoint = spki.subarray(-65);
  const seconds = (ms: number): number => Math.floor(ms / 1000);
  return new LeafTemplate({
    signatureAlgorithm: SIGNATURE_ALGORITHMS[by.type].identifier,
    issuer: issuer.subject,
    issuerKeyId: issuer.subjectKeyId,
    subject: encodeName(request.subject),
  }).tbs({
    serial: Buffer.from(minted.serial, 'hex'),
    notBefore: encodeTime(seconds(Math.max(NOW - 60_000, issuer.notBefore))),
    notAfter: encodeTime(seconds(Math.min(NOW + request.ttlMs, issuer.notAfter))),
    publicPoint,
    subjectKeyId: hash('sha1', publicPoint, 'binary'),
    uri: request.spiffeId.toString(),
  });
}

function tbsOf(certificate: Uint8Array): Uint8Array {
  return new DerReader(certificate).enter(TAG.sequence).element(TAG.sequence).whole;
}

const keys = new WorkloadKeys();
const requests: fc.Arbitrary<MintRequest> = fc
  .record({
    path: fc.integer({ min: 1, max: 400 }),
    subject: fc.array(fc.constantFrom('SPIRL', 'Ünusual', 'a b'), { maxLength: 2 }),
    ttlMs: fc.integer({ min: 10_000, max: 200 * 24 * 3_600_000 }),
    agentKey: fc.boolean(),
  })
  .map(({ path, subject, ttlMs, agentKey }) => ({
    spiffeId: SpiffeId.parse(`spiffe://example.org/${'w'.repeat(path)}`),
    subject: subject.map((value) => [{ oid: '2.5.4.10', value }]),
    ttlMs,
    ...(agentKey && { publicPoint: keys.next().publicPoint }),
  }));

test('what worker threads mint is what this thread would have minted, octet by octet, and verifies', async (t) => {
  const { minter, end } = await openThreadMinter(() => t.fail('a worker failed'));
  for (const type of ['EC-P256', 'EC-P384', 'RSA-2048'] as const) {
    const by = await authority(type);
    const library = new x509.X509Certificate(new Uint8Array(by.certificate));
    await fc.assert(
      fc.asyncProperty(fc.array(requests, { minLength: 1, maxLength: 40 }), async (wanted) => {
        const minted = await Promise.all(wanted.map(async (one) => minter.mint(by.signer, one, NOW, caller)));
        for (const [index, one] of minted.entries()) {
          const request = wanted[index];
          if (one === undefined || request === undefined) throw new Error('not minted');
          const leaf = new X509Certificate(one.certificate);
          const good =
            plainTbs(by, request, one).equals(tbsOf(one.certificate)) &&
            leaf.verify(by.ca.publicKey) &&
            leaf.checkIssued(by.ca) &&
            Date.parse(leaf.validFrom) === one.notBefore &&
            Date.parse(leaf.validTo) === one.notAfter;
          if (!good) return false;
          if (request.publicPoint !== undefined) {
            if (one.privateKey.length > 0) return false;
          } else {
            const der = Buffer.from(one.privateKey);
            const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
            const again = Buffer.alloc(der.length);
            writePkcs8(der.subarray(36, 68), der.subarray(-65), again, 0);
            if (!leaf.checkPrivateKey(key) || !again.equals(der)) return false;
          }
        }
        const [first] = minted;
        const parsed = new x509.X509Certificate(new Uint8Array(first?.certificate ?? []));
        return parsed.verify({ publicKey: library.publicKey, signatureOnly: true });
      }),
      { numRuns: 15 },
    );
  }
  t.is(minter.workers, 1, 'it was the thread that minted');
  await end();
});

test('while keysets take turns in the middle of a wave, no certificate names one and is signed by the other', async (t) => {
  const { minter, end } = await openThreadMinter(() => t.fail('a worker failed'));
  const [one, two] = [await authority('EC-P256'), await authority('EC-P256')];
  const request = { spiffeId: SpiffeId.parse('spiffe://example.org/w'), subject: [], ttlMs: 3_600_000 };
  let issued = 0;
  for (let turn = 0; turn < 20; turn++) {
    const [old, next] = turn % 2 === 0 ? [one, two] : [two, one];
    const [before, after] = [old.newSigner(), next.newSigner()];
    const wave = Promise.all(Array.from({ length: 150 }, async () => minter.mint(before, request, NOW, caller)));
    for (let wait = 0; wait < turn % 5; wait++) await new Promise((resolve) => setTimeout(resolve, 1));
    minter.retire(before);
    const later = minter.mint(after, request, NOW, caller);
    for (const minted of await wave) {
      if (minted === undefined) continue;
      issued++;
      const leaf = new X509Certificate(minted.certificate);
      t.true(leaf.verify(old.ca.publicKey) && leaf.checkIssued(old.ca) && !leaf.verify(next.ca.publicKey));
    }
    const leaf = new X509Certificate((await later)?.certificate ?? Buffer.alloc(0));
    t.true(leaf.verify(next.ca.publicKey) && leaf.checkIssued(next.ca));
    minter.retire(after);
  }
  t.log(`${issued} of ${20 * 150} issued before their switch`);
  await end();
});

test('a thread that is killed in the middle of a wave costs no SVID', async (t) => {
  const threads: Thread[] = [];
  let failures = 0;
  const start: StartThread = (shared) => {
    const thread = startThread(shared);
    threads.push(thread);
    return thread;
  };
  const { minter, end } = await openThreadMinter(() => failures++, start, 1);
  const { signer, ca } = await authority('EC-P256');
  const request = { spiffeId: SpiffeId.parse('spiffe://example.org/w'), subject: [], ttlMs: 3_600_000 };
  const wave = Promise.all(Array.from({ length: 300 }, async () => minter.mint(signer, request, NOW, caller)));
  await new Promise((resolve) => setImmediate(resolve));
  await threads[0]?.terminate();
  const minted = await wave;
  t.is(new Set(minted.map((one) => one?.serial)).size, 300);
  t.true(minted.every((one) => one && new X509Certificate(one.certificate).verify(ca.publicKey)));
  t.is(failures, 1);
  await end();
});
