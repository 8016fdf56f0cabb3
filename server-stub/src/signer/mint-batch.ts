import { SpiffeId } from 'spirl-agent/domain/spiffe-id.js';
import type { SubjectName } from '../domain/subject-name.js';
import { GrowingBuffer } from './growing-buffer.js';
import type { Minted, MintedInto, MintRequest } from './plain-mint.js';
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
    numbers[i * NUMBERS] = request.ttlMs;
    numbers[i * NUMBERS + 1] = now;
    numbers[i * NUMBERS + 2] = subject;
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
  const at = index * NUMBERS;
  const [ttlMs = 0, now = 0, subject = 0] = [numbers[at], numbers[at + 1], numbers[at + 2]];
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

/** Lengths of key and certificate, serial number, both times in seconds. */
const RESULT_HEADER = 2 + 2 + SERIAL_LENGTH + 8 + 8;

/** Writes what is minted, in the order of its batch, where it is transferred from: each octet once. */
export class ResultWriter {
  readonly #out = new GrowingBuffer();

  /** Adds what `mint` writes to the end of what it is given. What it throws means that this result is left out. */
  add(mint: (out: GrowingBuffer) => MintedInto): void {
    const out = this.#out;
    const header = out.take(RESULT_HEADER);
    const begin = out.length;
    try {
      const { keyLength, leaf } = mint(out);
      const { bytes } = out;
      bytes.writeUInt16LE(keyLength, header);
      bytes.writeUInt16LE(out.length - begin - keyLength, header + 2);
      bytes.set(leaf.serial, header + 4);
      bytes.writeDoubleLE(leaf.notBefore, header + 4 + SERIAL_LENGTH);
      bytes.writeDoubleLE(leaf.notAfter, header + 12 + SERIAL_LENGTH);
    } catch {
      out.dropFrom(begin);
    }
  }

  /** A result that there is not: its lengths are zero. */
  leaveOut(): void {
    this.#out.take(RESULT_HEADER);
  }

  /** All results since the last call, to be transferred. */
  takeAll(): ArrayBuffer {
    return this.#out.takeAll();
  }
}

/** The results of a batch of `count`, in its order; certificates and keys are views of the one buffer. */
export function unpackResults(results: ArrayBuffer, count: number): readonly (Minted | undefined)[] {
  const bytes = Buffer.from(results);
  const unpacked: (Minted | undefined)[] = [];
  for (let at = 0; unpacked.length < count;) {
    const key = at + RESULT_HEADER;
    const certificate = key + bytes.readUInt16LE(at);
    const end = certificate + bytes.readUInt16LE(at + 2);
    unpacked.push(
      end === key
        ? undefined
        : {
            certificate: bytes.subarray(certificate, end),
            privateKey: bytes.subarray(key, certificate),
            serial: bytes.toString('hex', at + 4, at + 4 + SERIAL_LENGTH),
            notBefore: bytes.readDoubleLE(at + 4 + SERIAL_LENGTH) * 1000,
            notAfter: bytes.readDoubleLE(at + 12 + SERIAL_LENGTH) * 1000,
          },
    );
    at = end;
  }
  return unpacked;
}
