import { generateKeyPairSync } from 'node:crypto';
import test from 'ava';
import { bundleOf } from '../../../server-stub/src/keyset/bundle-of.js';
import { keyset, ringOf } from './rings.js';

const spki = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'der' });

test('every keyset of the ring is trusted, an upstream root that several share is listed once', (t) => {
  const root = Uint8Array.of(9);
  const of = (id: string, state: 'PREPARED' | 'ACTIVE' | 'TAINTED', x509Authorities: Uint8Array[]) =>
    keyset(id, state, 0, { jwtPublicSpki: spki, x509Authorities });
  const ring = ringOf(of('a', 'PREPARED', [root]), of('b', 'ACTIVE', [root]), of('c', 'TAINTED', [Uint8Array.of(1)]));
  const bundle = bundleOf(ring, 'example.org');
  t.is(bundle.trustDomain, 'example.org');
  t.deepEqual(bundle.x509Authorities, [{ certificate: root }, { certificate: Uint8Array.of(1) }]);
  t.deepEqual(
    bundle.jwtAuthorities.map(({ keyId }) => keyId),
    ['a', 'b', 'c'],
  );
  t.deepEqual(Object.keys(bundle.jwtAuthorities[0]?.publicJwk ?? {}).sort(), ['crv', 'kty', 'x', 'y']);
});
