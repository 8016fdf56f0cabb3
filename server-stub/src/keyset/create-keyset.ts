import { X509Certificate } from 'node:crypto';
import { SpirlError } from 'spirl-agent/runtime/errors.js';
import type { Keyset, KeysetKeys } from '../domain/keyset.js';
import type { SigningKey } from '../domain/signing-key.js';
import type { KeyMaker, KeysetParts, MintedCa } from './keyset-parts.js';

/** A keyset that is in no ring yet, with its usable keys. */
export interface NewKeyset {
  readonly keyset: Keyset;
  readonly keys: KeysetKeys;
}

interface Needs extends Pick<KeysetParts, 'upstream' | 'trustDomain' | 'policy' | 'clock'> {
  readonly maker: KeyMaker;
  /** To be told of the key as soon as it is there. */
  readonly keyMade: (key: SigningKey) => Promise<void>;
}

/** Makes the key pair and its CA certificate. One key signs both kinds of SVID. */
export async function createKeyset(parts: Needs, id: string, signal: AbortSignal): Promise<NewKeyset> {
  const { trustDomain, policy, maker } = parts;
  const key = await maker.manager.createKey(id, maker.keyType, signal);
  await parts.keyMade(key);
  signal.throwIfAborted();
  const request = { key, keysetId: id, trustDomain, preferredTtlMs: policy.keysetLifetimeMs };
  const ca = await parts.upstream.mintCa(request, signal);
  const createdAt = parts.clock.now();
  const keyset: Keyset = {
    id,
    state: 'PREPARED',
    createdAt,
    expiresAt: endOf(ca, key, createdAt),
    custody: maker.custody,
    ...(maker.custodySettings && { custodySettings: maker.custodySettings }),
    ...(key.reference !== undefined && { keyReference: key.reference }),
    caCertificate: copied(ca.caCertificate),
    intermediates: ca.intermediates.map(copied),
    x509Authorities: ca.x509Authorities.map(copied),
    jwtPublicSpki: copied(key.publicKeySpki),
  };
  return { keyset, keys: { x509: key, jwt: key } };
}

/** Own bytes: what is in a ring is immutable. */
const copied = (bytes: Uint8Array): Uint8Array => Uint8Array.from(bytes);

/** Whether a CA certificate is for this public key (SPKI). */
export function certifies(caCertificate: Uint8Array, publicKeySpki: Uint8Array): boolean {
  const certificate = new X509Certificate(caCertificate);
  return certificate.publicKey.export({ type: 'spki', format: 'der' }).equals(publicKeySpki);
}

/** When the chain ends: its earliest notAfter. Throws KEY_SERVICE_UNAVAILABLE for a chain that could not be used. */
function endOf(ca: MintedCa, key: SigningKey, now: number): number {
  const certificate = new X509Certificate(ca.caCertificate);
  const ends = [ca.caCertificate, ...ca.intermediates].map((der) => Date.parse(new X509Certificate(der).validTo));
  const end = Math.min(ca.notAfter, ...ends);
  const usable = certificate.ca && certifies(ca.caCertificate, key.publicKeySpki) && ca.x509Authorities.length > 0;
  if (usable && end > now) return end;
  throw new SpirlError(
    'KEY_SERVICE_UNAVAILABLE',
    'the upstream authority answered with a CA certificate that cannot be used',
  );
}
