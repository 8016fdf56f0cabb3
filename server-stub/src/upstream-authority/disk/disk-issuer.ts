import { createPrivateKey, createPublicKey, sign, X509Certificate, type KeyObject, type webcrypto } from 'node:crypto';
import type { Clock } from 'spirl-agent/runtime/clock.js';
import { certificatesOfPem } from 'spirl-agent/runtime/certificate-facts.js';
import { SpirlError } from 'spirl-agent/runtime/errors.js';
import * as x509 from 'spirl-agent/runtime/x509.js';
import { REFUSED, type CaIssuer, type IssuedChain, type IssueRequest } from '../ca-issuer.js';
import { BACKDATE_MS, caConstraints, caSubject, randomSerial, subjectKeyId, wholeSeconds } from '../ca-profile.js';
import { isCa, isSelfSigned, readCertificate, spkiOf, type ChainCertificate } from '../chain-certificate.js';
import { verifiableUntil } from '../trust-path.js';
import type { ReadsFiles } from '../upstream-parts.js';

/** `spec.extensions.disk`, read. PEM files. */
export interface DiskSettings {
  /** The CA's certificate first; intermediates towards the root may follow. */
  readonly certFilePath: string;
  /** Its private key, not encrypted. */
  readonly keyFilePath: string;
  /** Intermediates and roots. Needed unless the CA is itself a root. */
  readonly bundleFilePath?: string;
}

export interface DiskParts {
  readonly clock: Clock;
  readonly files: ReadsFiles;
}

/** A CA whose certificate and key are files of this machine, read anew at each use: they may be replaced at any time. */
export function createDiskIssuer(settings: DiskSettings, { clock, files }: DiskParts): CaIssuer {
  return {
    title: `CA ${settings.certFilePath}`,
    issue: async (request, signal) => {
      const ca = await readCa(settings, files);
      signal.throwIfAborted();
      return { chain: [await issue(ca, request, clock.now()), ...ca.chain], roots: ca.roots };
    },
  };
}

interface DiskCa extends IssuedChain {
  readonly certificate: ChainCertificate;
  readonly key: KeyObject;
  /** Nothing that it issues may live longer; milliseconds since the epoch. */
  readonly until: number;
}

async function readCa({ certFilePath, keyFilePath, bundleFilePath }: DiskSettings, files: ReadsFiles): Promise<DiskCa> {
  const chain = certificatesIn(await files.read(certFilePath), certFilePath);
  const bundle = bundleFilePath === undefined ? [] : certificatesIn(await files.read(bundleFilePath), bundleFilePath);
  const key = privateKeyIn(await files.read(keyFilePath), keyFilePath);
  const [certificate] = chain;
  if (certificate === undefined) throw unusable(certFilePath, 'it holds no PEM certificate');
  if (!spkiOf(createPublicKey(key)).equals(spkiOf(certificate.node.publicKey))) {
    throw new SpirlError(REFUSED, `certificate ${certFilePath} and key ${keyFilePath} are no pair`);
  }
  if (!isCa(certificate)) throw unusable(certFilePath, 'its first certificate is no CA');
  const all = [...chain, ...bundle];
  const roots = all.filter(isSelfSigned);
  if (roots.length === 0) throw unusable(bundleFilePath ?? certFilePath, 'no root certificate is in it');
  const ders = (certificates: readonly ChainCertificate[]): Uint8Array[] => certificates.map(({ der }) => der);
  const others = all.filter((one) => !roots.includes(one));
  const until = verifiableUntil(certificate, others, roots);
  if (until === undefined) throw unusable(certFilePath, 'its certificate leads to none of the roots');
  return { certificate, key, chain: ders(others), roots: ders(roots), until };
}

function certificatesIn(pem: string, path: string): readonly ChainCertificate[] {
  try {
    return certificatesOfPem(pem).map(readCertificate);
  } catch (cause) {
    throw unusable(path, 'a certificate in it cannot be read', cause);
  }
}

function privateKeyIn(pem: string, path: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    const encrypted = pem.includes('ENCRYPTED');
    // The parser's own words may quote what it read.
    throw unusable(path, encrypted ? 'its private key is encrypted' : 'it holds no PEM private key', cause);
  }
}

function unusable(path: string, why: string, cause?: unknown): SpirlError {
  return new SpirlError(REFUSED, `file ${JSON.stringify(path)} cannot be used: ${why}`, { cause });
}

async function issue({ certificate, key, until }: DiskCa, request: IssueRequest, now: number): Promise<Uint8Array> {
  const algorithm = algorithmOf(key);
  const issued = await x509.X509CertificateGenerator.create(
    {
      serialNumber: randomSerial(),
      subject: caSubject(request.keysetId, request.trustDomain),
      // Byte for byte: another encoding of the same name is another name to strict verifiers.
      issuer: new x509.Name(certificate.parsed.subjectName.toArrayBuffer()),
      notBefore: new Date(wholeSeconds(Math.max(now - BACKDATE_MS, certificate.notBefore))),
      notAfter: new Date(wholeSeconds(Math.min(now + request.preferredTtlMs, until))),
      publicKey: new x509.PublicKey(request.key.publicKeySpki),
      signingAlgorithm: algorithm,
      signingKey: { algorithm },
      extensions: [
        ...caConstraints(request.trustDomain),
        await subjectKeyId(request.key),
        ...authorityKeyId(certificate),
      ],
    },
    signingWith(key, algorithm.hash),
  );
  const der = new Uint8Array(issued.rawData);
  if (new X509Certificate(der).verify(certificate.node.publicKey)) return der;
  throw new SpirlError(REFUSED, 'the signature made with the key on disk does not verify');
}

function authorityKeyId({ parsed }: ChainCertificate): x509.Extension[] {
  const id = parsed.getExtension(x509.SubjectKeyIdentifierExtension);
  return id === null ? [] : [new x509.AuthorityKeyIdentifierExtension(id.keyId)];
}

type DiskAlgorithm = { readonly name: string; readonly namedCurve?: string; readonly hash: string };

const CURVES: Readonly<Record<string, DiskAlgorithm>> = {
  prime256v1: { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
  secp384r1: { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' },
  secp521r1: { name: 'ECDSA', namedCurve: 'P-521', hash: 'SHA-512' },
};

function algorithmOf(key: KeyObject): DiskAlgorithm {
  if (key.asymmetricKeyType === 'rsa') return { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
  const known = CURVES[key.asymmetricKeyDetails?.namedCurve ?? ''];
  if (known !== undefined) return known;
  throw new SpirlError(
    REFUSED,
    `a key of type ${key.asymmetricKeyType ?? 'unknown'} is not accepted on disk: RSA or EC on a NIST curve`,
  );
}

function signingWith(key: KeyObject, hash: string): webcrypto.Crypto {
  const make = (_algorithm: unknown, _key: unknown, data: ArrayBuffer): Promise<ArrayBuffer> =>
    Promise.resolve(Uint8Array.from(sign(hash, new Uint8Array(data), { key, dsaEncoding: 'ieee-p1363' })).buffer);
  return { subtle: { sign: make } } as unknown as webcrypto.Crypto;
}
