import { createPublicKey } from 'node:crypto';
import type { JwtAuthority, TrustBundle, X509Authority } from 'spirl-agent/domain/trust-bundle.js';
import type { Keyset, Ring } from '../domain/keyset.js';
import { sequenceOf } from './key-ring.js';

/** How often relying parties should look; a removal counts on it. */
const REFRESH_HINT_SECONDS = 300;

/** The trust bundle that a ring means: every keyset in it is trusted, whatever its state. */
export function bundleOf(ring: Ring, trustDomain: string): TrustBundle {
  return {
    trustDomain,
    sequence: sequenceOf(ring),
    refreshHintSeconds: REFRESH_HINT_SECONDS,
    x509Authorities: x509AuthoritiesOf(ring.keysets),
    jwtAuthorities: ring.keysets.map(jwtAuthorityOf),
  };
}

/** Keysets under one upstream share its root, which is listed once. */
function x509AuthoritiesOf(keysets: readonly Keyset[]): readonly X509Authority[] {
  const unique = new Map<string, X509Authority>();
  for (const certificate of keysets.flatMap(({ x509Authorities }) => x509Authorities)) {
    unique.set(Buffer.from(certificate).toString('base64'), { certificate });
  }
  return [...unique.values()];
}

function jwtAuthorityOf({ id, jwtPublicSpki }: Keyset): JwtAuthority {
  const key = createPublicKey({ key: Buffer.from(jwtPublicSpki), format: 'der', type: 'spki' });
  return { keyId: id, publicJwk: key.export({ format: 'jwk' }) as Record<string, string> };
}
