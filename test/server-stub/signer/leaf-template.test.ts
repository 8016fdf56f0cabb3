import test from 'ava';
import fc from 'fast-check';
import { leafByLibrary, type LibraryLeaf } from '../../../bench/micro/tricks/plain-minting.js';
import { encodeName } from '../../../server-stub/src/signer/distinguished-name.js';
import { WorkloadKeys } from '../../../server-stub/src/signer/workload-key.js';
import { byTemplate, leaves, OID, templateOf } from './random-leaves.js';

const workloadKeys = new WorkloadKeys();

test('a certificate by template is the one the library encodes, octet by octet', async (t) => {
  await fc.assert(
    fc.asyncProperty(leaves, async (leaf) => {
      const { publicPoint } = workloadKeys.next();
      return byTemplate(leaf, publicPoint).equals(await leafByLibrary(leaf, publicPoint));
    }),
    // Thousands in test/parts/leaf-template.test.ts.
    { numRuns: 150 },
  );
  t.pass();
});

const plain: LibraryLeaf = {
  issuerType: 'EC-P256',
  issuer: [{ CN: 'ks_0123456789' }],
  subject: [],
  issuerKeyId: Buffer.alloc(20, 7),
  serial: Buffer.alloc(16, 0x41),
  notBefore: Date.UTC(2026, 0, 1) / 1000,
  notAfter: Date.UTC(2026, 0, 2) / 1000,
  uri: '',
};

test('lengths of the URI around each border of a DER length are encoded like the library does', async (t) => {
  const { publicPoint } = workloadKeys.next();
  const template = templateOf(plain);
  for (const length of [
    22, 90, 91, 115, 116, 117, 118, 119, 120, 121, 122, 123, 124, 125, 126, 127, 128, 129, 247, 251, 253, 255, 256, 257,
    2048,
  ]) {
    const leaf = { ...plain, uri: `spiffe://example.org/${'a'.repeat(length - 21)}` };
    t.deepEqual(byTemplate(leaf, publicPoint, template), await leafByLibrary(leaf, publicPoint), `${length} octets`);
  }
});

test('one template serves leaves of different shapes in turn without mixing them', async (t) => {
  const template = templateOf(plain);
  for (let i = 0; i < 200; i++) {
    const { publicPoint } = workloadKeys.next();
    const uri = `spiffe://example.org/${'b'.repeat(1 + ((i * 37) % 100))}`;
    const notAfter = i % 2 === 0 ? plain.notAfter : Date.UTC(2050, 0, 1) / 1000;
    const leaf = { ...plain, uri, notAfter };
    if (i % 20 === 0) t.deepEqual(byTemplate(leaf, publicPoint, template), await leafByLibrary(leaf, publicPoint));
    else byTemplate(leaf, publicPoint, template);
  }
});

test('a relative name of several attributes is sorted as DER wants it', (t) => {
  const one = encodeName([
    [
      { oid: OID.CN, value: 'x' },
      { oid: OID.O, value: 'y' },
    ],
  ]);
  const other = encodeName([
    [
      { oid: OID.O, value: 'y' },
      { oid: OID.CN, value: 'x' },
    ],
  ]);
  t.deepEqual(one, other);
});
