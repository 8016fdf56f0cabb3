import { randomBytes, webcrypto } from 'node:crypto';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type JsonGeneralName,
  KeyUsageFlags,
  KeyUsagesExtension,
  PublicKey,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from 'spirl-agent/runtime/x509.js';
import type { CaValidity } from './ca-schedule.js';

const P256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
/** Clocks of agents and servers may differ by this much. */
const BACKDATE_MS = 60_000;

/** One session CA certificate with its key. */
export interface SessionAuthority extends CaValidity {
  readonly certificate: X509Certificate;
  readonly privateKey: webcrypto.CryptoKey;
}

/** What one end of a session shows the other. */
export interface LeafRequest {
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKeySpki: Uint8Array;
  readonly names: JsonGeneralName[];
  readonly usage: 'server' | 'client';
  readonly lifetimeMs: number;
}

export interface IssuedLeaf extends CaValidity {
  /** DER. */
  readonly certificate: Buffer;
}

/** Makes a self-signed session CA certificate that lives `lifetimeMs` from `now`. */
export async function createSessionAuthority(
  trustDomain: string,
  now: number,
  lifetimeMs: number,
): Promise<SessionAuthority> {
  const keys = await webcrypto.subtle.generateKey(P256, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: [{ O: [trustDomain] }, { CN: [`session CA ${randomBytes(4).toString('hex')}`] }],
    keys,
    signingAlgorithm: P256,
    notBefore: wholeSeconds(now - BACKDATE_MS),
    notAfter: wholeSeconds(now + lifetimeMs),
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return authorityOf(certificate, keys.privateKey);
}

/** A certificate for one end of a session; it never outlives the CA. */
export async function issueLeaf(authority: SessionAuthority, request: LeafRequest, now: number): Promise<IssuedLeaf> {
  const publicKey = new PublicKey(request.publicKeySpki);
  const usage = request.usage === 'server' ? ExtendedKeyUsage.serverAuth : ExtendedKeyUsage.clientAuth;
  const notBefore = wholeSeconds(Math.max(now - BACKDATE_MS, authority.notBefore));
  const notAfter = wholeSeconds(Math.min(now + request.lifetimeMs, authority.notAfter));
  const certificate = await X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    issuer: authority.certificate.subjectName,
    subject: [],
    publicKey,
    signingKey: authority.privateKey,
    signingAlgorithm: P256,
    notBefore,
    notAfter,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([usage]),
      // Critical, because the subject is empty (RFC 5280, 4.2.1.6).
      new SubjectAlternativeNameExtension(request.names, true),
      await SubjectKeyIdentifierExtension.create(publicKey),
      await AuthorityKeyIdentifierExtension.create(authority.certificate.publicKey),
    ],
  });
  return {
    certificate: Buffer.from(certificate.rawData),
    notBefore: notBefore.getTime(),
    notAfter: notAfter.getTime(),
  };
}

/** JSON form for the sealed record. Holds the private key. */
export async function encodeAuthority(
  authority: SessionAuthority,
): Promise<{ certificate: string; privateKey: string }> {
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', authority.privateKey);
  return {
    certificate: Buffer.from(authority.certificate.rawData).toString('base64'),
    privateKey: Buffer.from(pkcs8).toString('base64'),
  };
}

export async function decodeAuthority(stored: { certificate: string; privateKey: string }): Promise<SessionAuthority> {
  const pkcs8 = Buffer.from(stored.privateKey, 'base64');
  const privateKey = await webcrypto.subtle.importKey('pkcs8', pkcs8, P256, true, ['sign']);
  return authorityOf(new X509Certificate(Buffer.from(stored.certificate, 'base64')), privateKey);
}

function authorityOf(certificate: X509Certificate, privateKey: webcrypto.CryptoKey): SessionAuthority {
  const { notBefore, notAfter } = certificate;
  return { certificate, privateKey, notBefore: notBefore.getTime(), notAfter: notAfter.getTime() };
}

/** 127 random bits, never negative and never shortened. */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString('hex');
}

function wholeSeconds(ms: number): Date {
  return new Date(Math.floor(ms / 1000) * 1000);
}
