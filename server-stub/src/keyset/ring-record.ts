import { createHmac, timingSafeEqual, type KeyObject } from 'node:crypto';
import { canonicalJson } from 'spirl-agent/runtime/canonical-json.js';
import { SpirlError } from 'spirl-agent/runtime/errors.js';
import type { Keyset, Ring } from '../domain/keyset.js';
import type { SealedRecord } from '../domain/record-store.js';

const FORMAT = 1;
const MAC_LABEL = 'spirl-ring-v1\0';

/** The record `ring`: readable, and authenticated as a whole by a MAC whose key is sealed beside it. */
export interface RingRecord {
  readonly format: typeof FORMAT;
  readonly macKey: SealedRecord;
  /** Base64 HMAC-SHA-256 of the body. */
  readonly mac: string;
  readonly body: unknown;
}

/** What each keyset is in the record: its byte strings in base64. */
type Encoded<T> = {
  readonly [K in keyof T]: T[K] extends Uint8Array ? string : T[K] extends readonly Uint8Array[] ? string[] : T[K];
};

interface Body extends Omit<Ring, 'keysets'> {
  readonly deploymentId: string;
  readonly keysets: readonly Encoded<Keyset>[];
}

export function encodeRing(ring: Ring, deploymentId: string, macKey: SealedRecord, key: KeyObject): RingRecord {
  const body: Body = { ...ring, deploymentId, keysets: ring.keysets.map(encodeKeyset) };
  return { format: FORMAT, macKey, mac: macOf(body, key).toString('base64'), body };
}

/** The record's parts, nothing of which is authenticated yet. Throws STORE_CORRUPT. */
export function parseRingRecord(value: unknown): RingRecord {
  const record = (typeof value === 'object' && value !== null ? value : {}) as Partial<
    Record<keyof RingRecord, unknown>
  >;
  if (record.format !== FORMAT) {
    const format = record.format === undefined ? 'none' : JSON.stringify(record.format);
    throw unusable(`it has format version ${format}, this server knows ${FORMAT}`);
  }
  if (typeof record.mac !== 'string' || typeof record.macKey !== 'object' || record.macKey === null) {
    throw unusable('it is incomplete');
  }
  return value as RingRecord;
}

/** The ring, after its MAC was checked. Throws STORE_CORRUPT. */
export function decodeRing({ mac, body }: RingRecord, deploymentId: string, key: KeyObject): Ring {
  const given = Buffer.from(mac, 'base64');
  const right = macOf(body, key);
  if (given.length !== right.length || !timingSafeEqual(given, right)) {
    throw unusable('its authentication code is wrong: it was changed by somebody else than this server');
  }
  const { deploymentId: itsDeployment, keysets, ...rest } = body as Body;
  if (itsDeployment !== deploymentId) throw unusable(`it belongs to deployment ${itsDeployment}`);
  return { ...rest, keysets: keysets.map(decodeKeyset) };
}

/** STORE_CORRUPT about the record `ring`. */
export function unusable(why: string, cause?: unknown): SpirlError {
  return new SpirlError('STORE_CORRUPT', `record "ring" cannot be used: ${why}`, { cause });
}

function macOf(body: unknown, key: KeyObject): Buffer {
  return createHmac('sha256', key).update(MAC_LABEL).update(canonicalJson(body)).digest();
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64'));

function encodeKeyset(keyset: Keyset): Encoded<Keyset> {
  return {
    ...keyset,
    caCertificate: base64(keyset.caCertificate),
    intermediates: keyset.intermediates.map(base64),
    x509Authorities: keyset.x509Authorities.map(base64),
    jwtPublicSpki: base64(keyset.jwtPublicSpki),
  };
}

function decodeKeyset(keyset: Encoded<Keyset>): Keyset {
  return {
    ...keyset,
    caCertificate: bytesOf(keyset.caCertificate),
    intermediates: keyset.intermediates.map(bytesOf),
    x509Authorities: keyset.x509Authorities.map(bytesOf),
    jwtPublicSpki: bytesOf(keyset.jwtPublicSpki),
  };
}
