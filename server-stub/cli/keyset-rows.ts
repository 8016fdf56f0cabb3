import type { SigningKeyMessage } from './admin-messages.js';
import { goTime, jsonTime, table } from './output.js';

const TYPES = { KEY_TYPE_X509: 'X.509', KEY_TYPE_JWT: 'JWT', KEY_TYPE_UNSPECIFIED: '?' } as const;
const STATES = {
  STATE_ACTIVE: 'Active',
  STATE_PREPARED: 'Prepared',
  STATE_TAINTED: 'Tainted',
  STATE_UNSPECIFIED: '?',
} as const;

/** The table that operators know: two rows per keyset, newest first. */
export function keysetTable(keys: readonly SigningKeyMessage[]): string {
  return table(
    ['Type', 'Keyset ID', 'Issued At', 'Expires At', 'State'],
    keys.map((key) => [
      TYPES[key.keyType],
      key.keyId,
      goTime(key.issuedAtMs),
      goTime(key.expiresAtMs),
      STATES[key.state],
    ]),
  );
}

/** Keys as JSON: enumerations as on the wire, times in RFC 3339. */
export function keysetJson(keys: readonly SigningKeyMessage[]): readonly object[] {
  return keys.map((key) => ({
    keyType: key.keyType,
    keyId: key.keyId,
    issuedAt: jsonTime(key.issuedAtMs),
    expiresAt: jsonTime(key.expiresAtMs),
    state: key.state,
    fingerprint: key.fingerprint,
    custody: key.custody,
    ...(key.custodySettings === '' ? {} : { custodySettings: JSON.parse(key.custodySettings) as unknown }),
    ...(key.keyReference === '' ? {} : { keyReference: key.keyReference }),
    ...(key.keyType === 'KEY_TYPE_X509' ? { agentSvids: key.agentSvids } : {}),
  }));
}

/** Which key it is, by its fingerprint and its keyset. */
export function typeOf(key: SigningKeyMessage): string {
  return TYPES[key.keyType];
}
