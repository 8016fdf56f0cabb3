import test from 'ava';
import { Latest } from '../../../src/runtime/latest.js';
import type { Keyset, Ring, SigningState } from '../../../server-stub/src/domain/keyset.js';
import { logCaCertificates } from '../../../server-stub/src/upstream-authority/ca-in-use.js';
import { RecordingLogger } from '../../fakes/recording-logger.js';
import { TestCa } from '../../fakes/test-pki.js';
import { localKey } from '../signer/signing-keys.js';
import { DAY, NOW } from './upstream-of.js';

async function keysetOf(id: string, state: Keyset['state'], root: TestCa): Promise<Keyset> {
  const key = localKey();
  const options = { now: NOW, pathLength: 0, subject: `CN=${id}`, notAfter: NOW + DAY };
  const caCertificate = await root.certify(key.publicKeySpki, options);
  const rest = { createdAt: NOW, expiresAt: NOW + DAY, custody: 'sealed', jwtPublicSpki: key.publicKeySpki };
  return { id, state, caCertificate, intermediates: [], x509Authorities: [root.der], ...rest };
}

const stateOf = (version: number, keysets: readonly Keyset[]): SigningState => {
  const ring: Ring = { epoch: 1, revision: version, keysets, tombstones: [], writtenAt: NOW };
  return { version, ring, keys: new Map() };
};

test('each CA certificate is told at the start, when it comes and when it begins to sign', async (t) => {
  const root = await TestCa.root('company root', { now: NOW });
  const a = await keysetOf('ks_aaaaaaaaaa', 'ACTIVE', root);
  const b = await keysetOf('ks_bbbbbbbbbb', 'PREPARED', root);
  const state = new Latest(stateOf(1, [a]));
  const logger = new RecordingLogger();
  const stop = new AbortController();
  logCaCertificates(state, logger, stop.signal);
  const news = (): string[] =>
    logger.lines.splice(0).map(({ message, fields }) => `${String(fields['keyset'])} ${message}`);

  t.like(logger.lines[0]?.fields, {
    keyset: 'ks_aaaaaaaaaa',
    subject: 'CN=ks_aaaaaaaaaa',
    issuer: 'CN=company root',
    expiry: '2026-01-02T00:00:00.000Z',
    pathlen: 0,
  });
  t.regex(String(logger.lines[0]?.fields['serial']), /^[0-9a-f]{32}$/);
  t.deepEqual(news(), ['ks_aaaaaaaaaa Intermediate CA certificate in use']);
  state.publish(stateOf(2, [b, a]));
  t.deepEqual(news(), ['ks_bbbbbbbbbb Intermediate CA certificate held']);
  state.publish(
    stateOf(3, [
      { ...b, state: 'ACTIVE' },
      { ...a, state: 'PREPARED' },
    ]),
  );
  t.deepEqual(news(), ['ks_bbbbbbbbbb Intermediate CA certificate in use']);
  state.publish(
    stateOf(4, [
      { ...b, state: 'ACTIVE' },
      { ...a, state: 'TAINTED' },
    ]),
  );
  state.publish(stateOf(5, [{ ...b, state: 'ACTIVE' }]));
  t.deepEqual(news(), []);
  const own = { ...a, id: 'ks_cccccccccc', caCertificate: root.der, state: 'PREPARED' as const };
  state.publish(stateOf(6, [own, { ...b, state: 'ACTIVE' }]));
  t.deepEqual(news(), ['ks_cccccccccc Self-signed CA certificate held']);
  stop.abort();
  state.publish(stateOf(7, [a]));
  t.deepEqual(news(), []);
});
