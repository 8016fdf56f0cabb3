import { generateKeyPairSync, hash, randomBytes, type KeyObject } from 'node:crypto';
import { SignJWT } from 'jose';
import * as x509 from '../../../src/runtime/x509.js';
import type { KeyType } from '../../../server-stub/src/domain/signing-key.js';
import { SIGNATURE_ALGORITHMS, type SignatureAlgorithm } from '../../../server-stub/src/signer/algorithms.js';
import { TAG, tlv } from '../../../server-stub/src/signer/der.js';
import { derFromRaw } from '../../../server-stub/src/signer/ecdsa-signature.js';
import type { Minted } from '../../../server-stub/src/signer/plain-mint.js';
import { P256_SPKI_PREFIX } from '../../../server-stub/src/signer/workload-key.js';

// The plain ways to what the tricks of minting do: T1 measures the tricks against them, and the tests compare their results.

const LIBRARY_ALGORITHMS = {
  'EC-P256': { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
  'EC-P384': { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' },
  'RSA-2048': { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
} as const satisfies Record<KeyType, object>;

/** What an X.509-SVID says, as the library wants to be told. Names are lists of relative names, each of attributes by their short names. */
export interface LibraryLeaf {
  readonly issuerType: KeyType;
  readonly issuer: readonly Record<string, string>[];
  readonly subject: readonly Record<string, string>[];
  readonly issuerKeyId: Buffer;
  readonly serial: Buffer;
  /** Seconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly uri: string;
}

/** To-be-signed part of a certificate as `@peculiar/x509` encodes it. */
export async function leafByLibrary(leaf: LibraryLeaf, publicPoint: Uint8Array): Promise<Buffer> {
  const spki = Buffer.concat([P256_SPKI_PREFIX, publicPoint]);
  let tbs = Buffer.alloc(0);
  const sign = (_algorithm: unknown, _key: unknown, data: ArrayBuffer): Promise<ArrayBuffer> => {
    tbs = Buffer.from(new Uint8Array(data));
    return Promise.resolve(new Uint8Array(leaf.issuerType === 'EC-P384' ? 96 : 64).fill(1).buffer);
  };
  const jsonName = (name: readonly Record<string, string>[]): x509.Name =>
    new x509.Name(name.map((rdn) => Object.fromEntries(Object.entries(rdn).map(([type, value]) => [type, [value]]))));
  await x509.X509CertificateGenerator.create(
    {
      serialNumber: leaf.serial.toString('hex'),
      issuer: jsonName(leaf.issuer),
      subject: jsonName(leaf.subject),
      notBefore: new Date(leaf.notBefore * 1000),
      notAfter: new Date(leaf.notAfter * 1000),
      publicKey: new x509.PublicKey(spki),
      signingAlgorithm: LIBRARY_ALGORITHMS[leaf.issuerType],
      signingKey: { algorithm: LIBRARY_ALGORITHMS[leaf.issuerType] } as never,
      extensions: [
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.SubjectKeyIdentifierExtension(hash('sha1', publicPoint)),
        new x509.AuthorityKeyIdentifierExtension(leaf.issuerKeyId.toString('hex')),
        new x509.SubjectAlternativeNameExtension([{ type: 'url', value: leaf.uri }], leaf.subject.length === 0),
      ],
    },
    { subtle: { sign } },
  );
  return tbs;
}

/** A certificate joined from encoded pieces. `signature` is as our borders have it. */
export function certificateOfPieces(tbs: Uint8Array, algorithm: SignatureAlgorithm, signature: Uint8Array): Buffer {
  const encoded = algorithm.ecdsa ? derFromRaw(signature) : signature;
  return tlv(TAG.sequence, tbs, algorithm.identifier, tlv(TAG.bitString, Buffer.of(0), encoded));
}

/** A key pair with objects of its own. */
export function keyPairByItself(): { publicKey: KeyObject; privateKey: KeyObject } {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

export interface EncodedPair {
  /** PKCS#8 DER. */
  readonly privateKey: Buffer;
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Buffer;
}

/** A key pair as the crypto library writes it. */
export function exportedPair(pair: { readonly publicKey: KeyObject; readonly privateKey: KeyObject }): EncodedPair {
  return {
    privateKey: pair.privateKey.export({ format: 'der', type: 'pkcs8' }),
    publicKey: pair.publicKey.export({ format: 'der', type: 'spki' }),
  };
}

/** A serial number of 126 random bits in 16 octets. */
export function serialByItself(): Buffer {
  const serial = randomBytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
  return serial;
}

/** The results of a batch as a mint worker writes them, put together from certificates and keys that have buffers of their own. */
export function packedResults(results: readonly Minted[]): ArrayBuffer {
  const parts = results.flatMap(({ privateKey, certificate, serial, notBefore, notAfter }) => {
    const numbers = Buffer.alloc(2 + 2 + serial.length / 2 + 8 + 8);
    numbers.writeUInt16LE(privateKey.length, 0);
    numbers.writeUInt16LE(certificate.length, 2);
    numbers.write(serial, 4, 'hex');
    numbers.writeDoubleLE(notBefore / 1000, numbers.length - 16);
    numbers.writeDoubleLE(notAfter / 1000, numbers.length - 8);
    return [numbers, privateKey, certificate];
  });
  const whole = new ArrayBuffer(parts.reduce((sum, { length }) => sum + length, 0));
  const out = new Uint8Array(whole);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  for (const { privateKey } of results) privateKey.fill(0);
  return whole;
}

/** A token by jose. `claims` in the order in which they shall stand; what is undefined does not. */
export function tokenByJose(
  claims: Readonly<Record<string, unknown>>,
  key: { readonly type: KeyType; readonly keysetId: string; readonly privateKey: KeyObject },
): Promise<string> {
  const header = { alg: SIGNATURE_ALGORITHMS[key.type].jwsAlg, kid: key.keysetId, typ: 'JWT' };
  return new SignJWT(claims).setProtectedHeader(header).sign(key.privateKey);
}
