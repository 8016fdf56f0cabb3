import type { Latest } from 'spirl-agent/runtime/latest.js';
import type { LogFields, Logger } from 'spirl-agent/runtime/logger.js';
import type { Keyset, SigningState } from '../domain/keyset.js';
import { isSelfSigned, pathLengthOf, readCertificate } from './chain-certificate.js';

/** What a keyset's CA certificate says of itself, for a log line. */
export function caFields({ id, state, caCertificate }: Keyset): LogFields {
  const certificate = readCertificate(caCertificate);
  const { parsed, node, notAfter } = certificate;
  return {
    keyset: id,
    state,
    subject: parsed.subject,
    serial: node.serialNumber.toLowerCase(),
    issuer: parsed.issuer,
    expiry: new Date(notAfter).toISOString(),
    pathlen: pathLengthOf(certificate),
  };
}

/** Tells which CA certificates there are: all of them at the start, then each new one, and each that begins to sign. */
export function logCaCertificates(state: Latest<SigningState>, logger: Logger, signal: AbortSignal): void {
  let told = new Set<string>();
  let inUse: string | undefined;
  state.subscribe(({ ring: { keysets } }) => {
    const active = keysets.find((keyset) => keyset.state === 'ACTIVE')?.id;
    // Oldest first, as they came.
    for (const keyset of [...keysets].reverse()) {
      const begins = keyset.id === active && active !== inUse;
      if (begins || !told.has(keyset.id)) logger.info(sentence(keyset), caFields(keyset));
    }
    told = new Set(keysets.map(({ id }) => id));
    inUse = active;
  }, signal);
}

function sentence({ state, caCertificate }: Keyset): string {
  const kind = isSelfSigned(readCertificate(caCertificate))
    ? 'Self-signed CA certificate'
    : 'Intermediate CA certificate';
  return `${kind} ${state === 'ACTIVE' ? 'in use' : 'held'}`;
}
