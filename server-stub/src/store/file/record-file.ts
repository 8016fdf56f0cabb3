import { createHash } from 'node:crypto';
import { canonicalJson } from 'spirl-agent/runtime/canonical-json.js';
import { SpirlError } from 'spirl-agent/runtime/errors.js';
import type { StoredRecord } from '../../domain/record-store.js';

/** The one format that this version writes and reads. */
const FORMAT = 1;
const SUFFIX = '.json';
/** Leaves room for the suffix below the 255 bytes that file systems allow. */
const MAX_FILE_NAME = 240;

/** `keysets/ks_abc` becomes `keysets.ks_abc.json`; whatever else is not a letter, digit, `_` or `-` is written as `%XX`. */
export function fileNameOf(name: string): string {
  const segments = name.split('/');
  const file = segments.map((segment) => encodeURIComponent(segment).replace(/[.!~*'()]/g, percent)).join('.');
  if (segments.includes('') || file.length > MAX_FILE_NAME) {
    throw new SpirlError('INVALID_REQUEST', `not a record name: ${JSON.stringify(name.slice(0, 300))}`);
  }
  return file + SUFFIX;
}

const percent = (character: string): string => `%${character.charCodeAt(0).toString(16).toUpperCase()}`;

/** The record kept in a file, `undefined` for files that are no records. */
export function recordNameOf(file: string): string | undefined {
  if (!file.endsWith(SUFFIX) || file.startsWith('.')) return undefined;
  try {
    const name = file.slice(0, -SUFFIX.length).split('.').map(decodeURIComponent).join('/');
    return fileNameOf(name) === file ? name : undefined;
  } catch {
    return undefined;
  }
}

/** The document of a record. It names its record, so that one put in another's place is noticed. */
export function encodeRecord(name: string, record: StoredRecord): Buffer {
  const { version, value } = record;
  return Buffer.from(
    `${JSON.stringify({ format: FORMAT, name, version, sha256: digest(name, record), value }, null, 1)}\n`,
  );
}

/** Throws STORE_CORRUPT naming the record when the document is truncated, changed, of another record or of an unknown format. */
export function decodeRecord(name: string, bytes: Buffer): StoredRecord {
  let document: unknown;
  try {
    document = JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw corrupt(name, 'it is truncated or no JSON document', cause);
  }
  if (typeof document !== 'object' || document === null) throw corrupt(name, 'it is no record');
  const { format, name: itsName, version, sha256, value } = document as Record<string, unknown>;
  if (format !== FORMAT) {
    throw corrupt(name, `it has format version ${shown(format)}, this server knows ${FORMAT}`);
  }
  if (itsName !== name) throw corrupt(name, 'it belongs to another record');
  if (typeof version !== 'string' || sha256 !== digest(name, { version, value })) {
    throw corrupt(name, 'its content does not match its checksum');
  }
  return { version, value };
}

function digest(name: string, { version, value }: StoredRecord): string {
  return createHash('sha256')
    .update(canonicalJson([name, version, value]))
    .digest('hex');
}

function corrupt(name: string, why: string, cause?: unknown): SpirlError {
  return new SpirlError('STORE_CORRUPT', `record ${JSON.stringify(name)} cannot be used: ${why}`, { cause });
}

/** A field of unknown type as a person reads it; `none` when it is absent. */
const shown = (field: unknown): string => (field === undefined ? 'none' : JSON.stringify(field));
