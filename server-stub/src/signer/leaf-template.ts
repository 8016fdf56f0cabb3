import { oid, TAG, tlv } from './der.js';
import { SERIAL_LENGTH } from './serial-numbers.js';
import { P256_POINT_LENGTH, P256_SPKI_PREFIX } from './workload-key.js';

const SKI_LENGTH = 20;
/** One shape per length of URI and of validity; more than these are not worth keeping. */
const MAX_SHAPES = 64;
const URI_TAG = 0x86;

type HoleName = 'serial' | 'validity' | 'point' | 'subjectKeyId' | 'uri';
/** Encoded octets with zeros where a certificate's own values go. */
interface Piece {
  readonly bytes: Buffer;
  readonly holes: Readonly<Partial<Record<HoleName, number>>>;
}
/** A whole to-be-signed certificate, anything in its holes; the numbers are the holes' places. */
interface Shape extends Readonly<Record<HoleName, number>> {
  readonly tbs: Buffer;
}

/** What all leaves of a template have in common. Each is DER and copied as it is. */
export interface LeafProfile {
  readonly signatureAlgorithm: Buffer;
  /** Subject of the issuer's certificate. */
  readonly issuer: Buffer;
  /** Value of the issuer's subject key identifier (without tag). */
  readonly issuerKeyId: Buffer;
  readonly subject: Buffer;
}

/** What each leaf has of its own. */
export interface LeafValues {
  /** 16 octets, the first between 0x40 and 0x7f. */
  readonly serial: Uint8Array;
  /** Both times, encoded. */
  readonly notBefore: Buffer;
  readonly notAfter: Buffer;
  /** Uncompressed P-256 point. */
  readonly publicPoint: Uint8Array;
  /** SHA-1 of the point, one character per octet. */
  readonly subjectKeyId: string;
  /** Pure ASCII: a parsed SPIFFE ID. */
  readonly uri: string;
}

/** Makes to-be-signed X.509-SVIDs by filling holes: what `@peculiar/x509` would encode, octet by octet. */
export class LeafTemplate {
  readonly #profile: LeafProfile;
  readonly #shapes = new Map<number, Shape>();
  constructor(profile: LeafProfile) {
    this.#profile = profile;
  }

  tbs(leaf: LeafValues): Buffer {
    return Buffer.from(this.tbsUntilNext(leaf));
  }

  /**
   * The same without an allocation: the shape's own octets with its holes filled, of which each is overwritten as a whole. What is
   * returned is good until the next call.
   */
  tbsUntilNext(leaf: LeafValues): Buffer {
    const validityLength = leaf.notBefore.length + leaf.notAfter.length;
    const shape = this.#shape(leaf.uri.length, validityLength);
    const { tbs } = shape;
    tbs.set(leaf.serial, shape.serial);
    tbs.set(leaf.notBefore, shape.validity);
    tbs.set(leaf.notAfter, shape.validity + leaf.notBefore.length);
    tbs.set(leaf.publicPoint, shape.point);
    tbs.write(leaf.subjectKeyId, shape.subjectKeyId, 'latin1');
    tbs.write(leaf.uri, shape.uri, 'latin1');
    return tbs;
  }

  #shape(uriLength: number, validityLength: number): Shape {
    // A validity has 30 to 34 octets.
    const key = uriLength * 64 + validityLength;
    const known = this.#shapes.get(key);
    if (known !== undefined) return known;
    if (this.#shapes.size >= MAX_SHAPES) this.#shapes.clear();
    const shape = shapeOf(this.#profile, uriLength, validityLength);
    this.#shapes.set(key, shape);
    return shape;
  }
}

function shapeOf(profile: LeafProfile, uriLength: number, validityLength: number): Shape {
  const { bytes, holes } = wrap(
    TAG.sequence,
    fixed(tlv(0xa0, tlv(TAG.integer, Buffer.of(2)))),
    wrap(TAG.integer, hole('serial', SERIAL_LENGTH)),
    fixed(profile.signatureAlgorithm),
    fixed(profile.issuer),
    wrap(TAG.sequence, hole('validity', validityLength)),
    fixed(profile.subject),
    fixed(P256_SPKI_PREFIX),
    hole('point', P256_POINT_LENGTH),
    wrap(0xa3, wrap(TAG.sequence, ...extensions(profile, uriLength))),
  );
  const { serial = 0, validity = 0, point = 0, subjectKeyId = 0, uri = 0 } = holes;
  return { tbs: bytes, serial, validity, point, subjectKeyId, uri };
}

function extensions(profile: LeafProfile, uriLength: number): readonly Piece[] {
  return [
    // digitalSignature alone: RFC 8813 forbids keyEncipherment in a certificate of an EC key.
    extension('2.5.29.15', 'critical', fixed(tlv(TAG.bitString, Buffer.of(7, 0x80)))),
    extension('2.5.29.37', 'not critical', fixed(tlv(TAG.sequence, SERVER_AUTH, CLIENT_AUTH))),
    // cA false is the default, which DER leaves out.
    extension('2.5.29.19', 'critical', fixed(tlv(TAG.sequence))),
    extension('2.5.29.14', 'not critical', wrap(TAG.octetString, hole('subjectKeyId', SKI_LENGTH))),
    extension('2.5.29.35', 'not critical', fixed(tlv(TAG.sequence, tlv(0x80, profile.issuerKeyId)))),
    extension('2.5.29.17', sanCriticality(profile), wrap(TAG.sequence, wrap(URI_TAG, hole('uri', uriLength)))),
  ];
}

const SERVER_AUTH = oid('1.3.6.1.5.5.7.3.1');
const CLIENT_AUTH = oid('1.3.6.1.5.5.7.3.2');
const CRITICAL = tlv(TAG.boolean, Buffer.of(0xff));
/** Octets of an empty SEQUENCE. */
const EMPTY_NAME_LENGTH = 2;

type Criticality = 'critical' | 'not critical';

/** X509-SVID 3.1: critical if the subject is empty, and RFC 5280 4.2.1.6: not otherwise. */
function sanCriticality(profile: LeafProfile): Criticality {
  return profile.subject.length === EMPTY_NAME_LENGTH ? 'critical' : 'not critical';
}

function extension(id: string, criticality: Criticality, value: Piece): Piece {
  const flag = criticality === 'critical' ? [fixed(CRITICAL)] : [];
  return wrap(TAG.sequence, fixed(oid(id)), ...flag, wrap(TAG.octetString, value));
}

function fixed(bytes: Buffer): Piece {
  return { bytes, holes: {} };
}

function hole(name: HoleName, length: number): Piece {
  return { bytes: Buffer.alloc(length), holes: { [name]: 0 } };
}

/** An element around pieces; the places of their holes move with them. */
function wrap(tag: number, ...pieces: readonly Piece[]): Piece {
  const bytes = tlv(tag, ...pieces.map((piece) => piece.bytes));
  const holes: Partial<Record<HoleName, number>> = {};
  let at = bytes.length - pieces.reduce((sum, piece) => sum + piece.bytes.length, 0);
  for (const piece of pieces) {
    for (const [name, place] of Object.entries(piece.holes)) holes[name as HoleName] = at + place;
    at += piece.bytes.length;
  }
  return { bytes, holes };
}
