import { FakeClock } from '../../fakes/fake-clock.js';
import { TrustDomain } from '../../../src/domain/trust-domain.js';
import type { SigningKey } from '../../../server-stub/src/domain/signing-key.js';
import { createSelfSigned } from '../../../server-stub/src/upstream-authority/self-signed.js';
import { forever } from './signing-keys.js';

export const DAY = 24 * 3600 * 1000;
export const NOW = Date.UTC(2026, 0, 1);
export const KEYSET_ID = 'ks_abcdefghij';

/** DER of a self-signed CA certificate for `key`, made at `now`. */
export async function caOf(key: SigningKey, now = NOW, ttlMs = 90 * DAY): Promise<Uint8Array> {
  const authority = createSelfSigned({ clock: new FakeClock(now) });
  const trustDomain = TrustDomain.parse('example.org');
  const minted = await authority.mintCa({ key, keysetId: KEYSET_ID, trustDomain, preferredTtlMs: ttlMs }, forever);
  return minted.caCertificate;
}
