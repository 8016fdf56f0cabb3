import { createPublicKey, verify, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { SpirlError } from 'spirl-agent/runtime/errors.js';
import { SIGNATURE_ALGORITHMS } from './algorithms.js';
import { DerReader, MalformedDer, TAG } from './der.js';
import { rawFromDer } from './ecdsa-signature.js';
import { P256_POINT_LENGTH, P256_SPKI_PREFIX } from './workload-key.js';

const verifyInPool = promisify(verify);
/** A request for a P-256 key has about 300 octets. */
const MAX_OCTETS = 4096;
const ATTRIBUTES = 0xa0;
const UNCOMPRESSED = 0x04;
const COORDINATE = 32;

interface RequestParts {
  /** CertificationRequestInfo, what the signature covers. */
  readonly info: Uint8Array;
  readonly publicPoint: Uint8Array;
  /** r||s */
  readonly signature: Uint8Array;
}

/**
 * Public key (uncompressed P-256 point) of a PKCS#10 request, once its signature has proved possession of the private one.
 * Nothing else of the request counts: names and extensions come from the policy alone.
 * Throws INVALID_REQUEST.
 */
export async function provenPublicPoint(der: Uint8Array): Promise<Uint8Array> {
  const { info, publicPoint, signature } = parse(der);
  const key = { key: publicKeyOf(publicPoint), dsaEncoding: 'ieee-p1363' } as const;
  if (!(await verifyInPool('sha256', info, key, signature))) {
    throw new SpirlError('INVALID_REQUEST', 'csr: the signature does not prove possession of the private key');
  }
  return publicPoint;
}

function parse(der: Uint8Array): RequestParts {
  if (der.length > MAX_OCTETS) throw new SpirlError('INVALID_REQUEST', `csr: longer than ${MAX_OCTETS} octets`);
  try {
    return read(Buffer.from(der));
  } catch (error) {
    if (!(error instanceof MalformedDer)) throw error;
    throw new SpirlError('INVALID_REQUEST', `csr: not a PKCS#10 request for a P-256 key: ${error.message}`, {
      cause: error,
    });
  }
}

function read(der: Buffer): RequestParts {
  const outer = new DerReader(der);
  const request = outer.enter(TAG.sequence);
  outer.end();
  const { whole: info, content } = request.element(TAG.sequence);
  const { whole: algorithm } = request.element(TAG.sequence);
  if (!SIGNATURE_ALGORITHMS['EC-P256'].identifier.equals(algorithm)) {
    throw new MalformedDer('the signature algorithm must be ecdsa-with-SHA256');
  }
  const signature = rawFromDer(request.bitString(), COORDINATE);
  request.end();

  const reader = new DerReader(content);
  const version = reader.unsigned();
  if (version.length !== 1 || version[0] !== 0) throw new MalformedDer('the version must be 0');
  reader.element(TAG.sequence);
  const { whole: spki } = reader.element(TAG.sequence);
  reader.element(ATTRIBUTES);
  reader.end();
  return { info, publicPoint: pointOf(spki), signature };
}

function pointOf(spki: Uint8Array): Uint8Array {
  const point = spki.subarray(P256_SPKI_PREFIX.length);
  const prefix = spki.subarray(0, P256_SPKI_PREFIX.length);
  if (!P256_SPKI_PREFIX.equals(prefix) || point.length !== P256_POINT_LENGTH || point[0] !== UNCOMPRESSED) {
    throw new MalformedDer('the key must be an uncompressed point of P-256');
  }
  return point;
}

/** Importing the key checks that the point is on the curve. */
function publicKeyOf(point: Uint8Array): KeyObject {
  const coordinate = (from: number): string =>
    Buffer.from(point.subarray(from, from + COORDINATE)).toString('base64url');
  const jwk = { kty: 'EC', crv: 'P-256', x: coordinate(1), y: coordinate(1 + COORDINATE) };
  try {
    return createPublicKey({ key: jwk, format: 'jwk' });
  } catch (cause) {
    throw new SpirlError('INVALID_REQUEST', 'csr: the public key is not a point of P-256', { cause });
  }
}
