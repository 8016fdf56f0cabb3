import test from 'ava';
import fc from 'fast-check';
import { SpiffeId } from '../../src/domain/spiffe-id.js';
import type { X509Svid } from '../../src/domain/svid.js';
import { jwksOf, type TrustBundle } from '../../src/domain/trust-bundle.js';
import type { X509Context } from '../../src/domain/x509-context.js';
import { encodeJwtBundles, encodeX509Bundles, encodeX509Context } from '../../src/workload-api/messages.js';
import { plain, publishedTypes } from '../fakes/proto-messages.js';

const published = publishedTypes('spiffe/workload.proto');
const bytes = fc.uint8Array({ maxLength: 700 }).map((octets) => Buffer.from(octets));

const bundle = (trustDomain: string): fc.Arbitrary<TrustBundle> =>
  fc.record({
    trustDomain: fc.constant(trustDomain),
    sequence: fc.nat(),
    refreshHintSeconds: fc.constant(60),
    x509Authorities: fc.array(fc.record({ certificate: bytes }), { maxLength: 3 }),
    jwtAuthorities: fc.array(
      fc.record({ keyId: fc.string(), publicJwk: fc.constant({ kty: 'EC', crv: 'P-256', x: 'x', y: 'y' }) }),
      { maxLength: 2 },
    ),
  });
const bundles = fc.tuple(bundle('z.example'), bundle('a.example'), bundle('m.example'));
const svid: fc.Arbitrary<X509Svid> = fc
  .record({
    name: fc.integer({ min: 1, max: 300 }),
    chain: fc.array(bytes, { minLength: 1, maxLength: 3 }),
    key: bytes,
  })
  .map(({ name, chain, key }) => ({
    spiffeId: SpiffeId.parse(`spiffe://example.org/${'w'.repeat(name)}`),
    ...{ chain, privateKey: key, serial: '01', notBefore: 0, notAfter: 1, keysetId: 'ks_1', outcome: '' },
    hint: '',
  }));
const contexts: fc.Arbitrary<X509Context> = fc.record({
  svids: fc
    .array(svid, { minLength: 1, maxLength: 3 })
    .map((all) => all.map((one, at) => ({ ...one, hint: `h${at}` }))),
  bundle: bundle('example.org'),
  federatedBundles: bundles,
});

/** What a client of another make reads from a frame, which is that of one message alone. */
function read(type: string, frame: Buffer): unknown {
  if (frame[0] !== 0 || frame.readUInt32BE(1) !== frame.length - 5) throw new Error('not one uncompressed message');
  const message = published.lookupType(type);
  return plain(message.toObject(message.decode(frame.subarray(5)), { bytes: Buffer, defaults: true }));
}

const authorities = ({ x509Authorities }: TrustBundle): Buffer =>
  Buffer.concat(x509Authorities.map(({ certificate }) => certificate));
const keyed = <T>(all: readonly TrustBundle[], value: (one: TrustBundle) => T): Record<string, T> =>
  Object.fromEntries(all.map((one) => [`spiffe://${one.trustDomain}`, value(one)]));

/** One frame for all streams of a snapshot, and the same octets when each stream has a snapshot of its own. */
function sameForAll<K extends object>(encode: (snapshot: K) => Buffer, snapshot: K): Buffer {
  const frame = encode(snapshot);
  if (encode(snapshot) !== frame) throw new Error('made twice');
  const anew = encode({ ...snapshot });
  if (anew === frame || !anew.equals(frame)) throw new Error('made anew it is another');
  return frame;
}

test('an X.509 context made once is what is made for each stream, and says what it holds', (t) => {
  const property = fc.property(contexts, (context) => {
    t.deepEqual(read('X509SVIDResponse', sameForAll(encodeX509Context, context)), {
      svids: context.svids.map(({ spiffeId, chain, privateKey, hint }) => ({
        spiffeId: spiffeId.toString(),
        x509Svid: Buffer.concat(chain),
        x509SvidKey: privateKey,
        bundle: authorities(context.bundle),
        hint,
      })),
      crl: [],
      federatedBundles: keyed(context.federatedBundles, authorities),
    });
  });
  t.notThrows(() => fc.assert(property, { numRuns: 100 }));
});

test('bundles made once are what is made for each stream, and say what they hold', (t) => {
  const property = fc.property(bundles, (all) => {
    const set = { version: 1, bundles: all };
    const x509 = { crl: [], bundles: keyed(all, authorities) };
    t.deepEqual(read('X509BundlesResponse', sameForAll(encodeX509Bundles, set)), x509);
    // In whatever order they are known: clients and caches compare octets.
    t.deepEqual(encodeX509Bundles({ version: 1, bundles: [...all].reverse() }), encodeX509Bundles(set));
    const jwt = { bundles: keyed(all, (one) => Buffer.from(JSON.stringify(jwksOf(one)))) };
    t.deepEqual(read('JWTBundlesResponse', sameForAll(encodeJwtBundles, set)), jwt);
  });
  t.notThrows(() => fc.assert(property, { numRuns: 100 }));
});
