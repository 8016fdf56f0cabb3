import { SpiffeId } from 'spirl-agent/domain/spiffe-id.js';
import type { SubjectName } from '../domain/subject-name.js';
import type { Minted, MintRequest } from './plain-mint.js';
import { SERIAL_LENGTH } from './serial-numbers.js';
import { P256_POINT_LENGTH } from './workload-key.js';
import type { SharedIssuer } from './x509-signer.js';

// What passes between the main thread and a mint worker. Strings and numbers go in, one buffer comes back: an object per SVID cost
// as much as its encoding.

/** One SVID that is asked for, as of `now`. */
export interface BatchItem {
  readonly request: MintRequest;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

export interface PackedRequests {
  readonly uris: readonly string[];
  /** Each different one once. */
  readonly subjects: readonly SubjectName[];
  /** Of each SVID: lifetime, now, place of its subject. */
  readonly numbers: Float64Array;
  /** A point for each SVID, zeros where the worker makes the key; empty when it makes all of them. */
  readonly points: Uint8Array;
}

/** To a worker. Issuers are numbered; a worker has one at a time. */
export type ToWorker =
  | { readonly is: 'issuer'; readonly issuer: number; readonly shared: SharedIssuer }
  | { readonly is: 'retired'; readonly issuer: number }
  | { readonly is: 'batch'; readonly batch: number; readonly issuer: number; readonly requests: PackedRequests };

/** From a worker: once when it is there, then for each batch. */
export type FromWorker =
  { readonly is: 'ready' } | { readonly is: 'minted'; readonly batch: number; readonly results: ArrayBuffer };

const NUMBERS = 3;

export function packRequests(items: readonly BatchItem[]): PackedRequests {
  const subjects: SubjectName[] = [];
  const numbers = new Float64Array(items.length * NUMBERS);
  const anyPoint = items.some(({ request }) => request.publicPoint !== undefined);
  const points = new Uint8Array(anyPoint ? items.length * P256_POINT_LENGTH : 0);
  const uris = items.map(({ request, now }, i) => {
    let subject = subjects.indexOf(request.subject);
    if (subject < 0) subject = subjects.push(request.subject) - 1;
    numbers.set([request.ttlMs, now, subject], i * NUMBERS);
    if (request.publicPoint !== undefined) points.set(request.publicPoint, i * P256_POINT_LENGTH);
    return request.spiffeId.toString();
  });
  return { uris, subjects, numbers, points };
}

export function countOf({ uris }: PackedRequests): number {
  return uris.length;
}

/** The item at `index`, read anew: a worker takes no more on trust than the main thread. Throws INVALID_SPIFFE_ID. */
export function unpackRequest({ uris, subjects, numbers, points }: PackedRequests, index: number): BatchItem {
  const [ttlMs = 0, now = 0, subject = 0] = numbers.subarray(index * NUMBERS, (index + 1) * NUMBERS);
  const from = index * P256_POINT_LENGTH;
  const given = points[from] !== undefined && points[from] !== 0;
  const request = {
    spiffeId: SpiffeId.parse(uris[index] ?? ''),
    subject: subjects[subject] ?? [],
    ttlMs,
    ...(given && { publicPoint: points.slice(from, from + P256_POINT_LENGTH) }),
  };
  return { request, now };
}

/** Lengths of certificate and key, serial number, both times. */
const RESULT_HEADER = 2 + 2 + SERIAL_LENGTH + 8 + 8;

/** One buffer for a batch, to be transferred. What could not be minted is left out: its lengths are zero. Clears the private keys of `results`. */
export function packResults(results: readonly (Minted | undefined)[]): ArrayBuffer {
  const length = results.reduce(
    (sum, result) => sum + RESULT_HEADER + (result?.certificate.length ?? 0) + (result?.privateKey.length ?? 0),
    0,
  );
  // Of its own, not a piece of Node's pool, so that it can be transferred.
  const whole = new ArrayBuffer(length);
  const out = Buffer.from(whole);
  let at = 0;
  for (const result of results) {
    if (result !== undefined) {
      const { certificate, privateKey } = result;
      out.writeUInt16LE(certificate.length, at);
      out.writeUInt16LE(privateKey.length, at + 2);
      out.write(result.serial, at + 4, 'hex');
      out.writeDoubleLE(result.notBefore, at + 4 + SERIAL_LENGTH);
      out.writeDoubleLE(result.notAfter, at + 12 + SERIAL_LENGTH);
      out.set(certificate, at + RESULT_HEADER);
      out.set(privateKey, at + RESULT_HEADER + certificate.length);
      privateKey.fill(0);
      at += certificate.length + privateKey.length;
    }
    at += RESULT_HEADER;
  }
  return whole;
}

/** The results of a batch of `count`, in its order; certificates and keys are views of the one buffer. */
export function unpackResults(results: ArrayBuffer, count: number): readonly (Minted | undefined)[] {
  const bytes = Buffer.from(results);
  let at = 0;
  return Array.from({ length: count }, () => {
    const [certificateLength, keyLength] = [bytes.readUInt16LE(at), bytes.readUInt16LE(at + 2)];
    const [header, certificate] = [at, at + RESULT_HEADER];
    const key = certificate + certificateLength;
    at = key + keyLength;
    if (certificateLength === 0) return undefined;
    return {
      certificate: bytes.subarray(certificate, key),
      privateKey: bytes.subarray(key, at),
      serial: bytes.toString('hex', header + 4, header + 4 + SERIAL_LENGTH),
      notBefore: bytes.readDoubleLE(header + 4 + SERIAL_LENGTH),
      notAfter: bytes.readDoubleLE(header + 12 + SERIAL_LENGTH),
    };
  });
}
