import { createPrivateKey, createPublicKey } from 'node:crypto';
import {
  alternativeNamesOf,
  authorityKeyIdentifierOf,
  basicConstraintsOf,
  EMPTY_NAME,
  extendedKeyUsageOf,
  isSignedBy,
  keyIdentifierOf,
  keyUsageOf,
  OID,
  readCertificate,
  URI_NAME,
  type Certificate,
} from './certificate.js';
import { Checks, type Check } from './check.js';
import { children, integerOf, onlyValue, TAG } from './der.js';
import { checkSpiffeId } from './spiffe-id-rules.js';

const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
const [DIGITAL_SIGNATURE, KEY_ENCIPHERMENT, KEY_AGREEMENT, KEY_CERT_SIGN, CRL_SIGN] = [0, 2, 4, 5, 6];
const KNOWN: ReadonlySet<string> = new Set(Object.values(OID));

/** An X.509-SVID as it was delivered. DER, leaf first. */
export interface DeliveredSvid {
  readonly spiffeId: string;
  readonly chain: readonly Buffer[];
  /** PKCS#8. */
  readonly key: Buffer;
  /** Authorities of its trust domain. */
  readonly bundle: readonly Buffer[];
}

/** Every rule for an X.509-SVID with its key, chain and bundle. `now` is in milliseconds. */
export function checkX509Svid(svid: DeliveredSvid, now: number): readonly Check[] {
  const checks = new Checks();
  const [leafDer, ...issuerDers] = svid.chain;
  if (leafDer === undefined) throw new Error('there is no leaf');
  const leaf = readCertificate(leafDer);
  const issuers = issuerDers.map(readCertificate);
  const authorities = svid.bundle.map(readCertificate);
  checks.include(checkProfile(leaf, now));
  checks.include(checkLeaf(leaf, svid.spiffeId));
  for (const issuer of [...issuers, ...authorities]) {
    checks.include(checkProfile(issuer, now));
    checks.include(checkAuthority(issuer, svid.spiffeId));
  }
  checks.must('X-9', 'the chain leads to an authority of the bundle', () => pathProblem(leaf, issuers, authorities));
  checks.must('X-9', 'no certificate outlives its issuer', () => outlives(leaf, [...issuers, ...authorities]));
  checks.must('RP-1', 'the key is unencrypted PKCS#8', () => {
    const [version] = children(onlyValue(svid.key, TAG.sequence), TAG.sequence);
    return integerOf(version) > 1n && 'not PrivateKeyInfo';
  });
  checks.must('RP-1', 'the key is that of the leaf', () => {
    const own = createPublicKey(createPrivateKey({ key: svid.key, format: 'der', type: 'pkcs8' }));
    return !own.export({ format: 'der', type: 'spki' }).equals(leaf.spki) && 'another public key';
  });
  return checks.all;
}

/** Rules for every certificate: the profile of RFC 5280 as far as `openssl verify -x509_strict` asks for it. */
export function checkProfile(certificate: Certificate, now: number): readonly Check[] {
  const checks = new Checks();
  const { serial, extensions } = certificate;
  checks.must('X-9', 'version 3', () => certificate.version !== 3 && `version ${certificate.version}`);
  checks.must('X-9', 'the serial is positive and has at most 20 octets', () => {
    return (serial <= 0n || certificate.serialOctets > 20) && serial.toString(16);
  });
  checks.must(
    'X-9',
    'both signature algorithms are the same',
    () => certificate.algorithms[0] !== certificate.algorithms[1] && certificate.algorithms.join(' '),
  );
  checks.must('X-9', 'the issuer has a name', () => certificate.issuer.equals(EMPTY_NAME) && 'empty');
  checks.must('X-9', 'it is valid now', () => {
    return (
      !(certificate.notBefore <= now && now < certificate.notAfter) &&
      `${certificate.notBefore} to ${certificate.notAfter}`
    );
  });
  checks.must('X-9', 'no critical extension is unknown', () => {
    const unknown = [...extensions].find(([oid, { critical }]) => critical && !KNOWN.has(oid));
    return unknown?.[0];
  });
  checks.must(
    'X-5',
    'key usage is there and critical',
    () => extensions.get(OID.keyUsage)?.critical !== true && 'it is not',
  );
  checks.must('X-3', 'the alternative names are critical where the subject is empty', () => {
    return (
      certificate.subject.equals(EMPTY_NAME) &&
      extensions.get(OID.subjectAlternativeName)?.critical !== true &&
      'not critical'
    );
  });
  return checks.all;
}

function checkLeaf(leaf: Certificate, spiffeId: string): readonly Check[] {
  const checks = new Checks();
  const uris = alternativeNamesOf(leaf).filter(({ kind }) => kind === URI_NAME);
  const usage = keyUsageOf(leaf) ?? [];
  const extended = extendedKeyUsageOf(leaf);
  checks.must('X-1', 'exactly one URI name', () => uris.length !== 1 && `${uris.length}`);
  checks.must(
    'X-1',
    'it is the SPIFFE ID of the response',
    () => uris[0]?.text !== spiffeId && (uris[0]?.text ?? 'none'),
  );
  checks.include(checkSpiffeId(uris[0]?.text ?? '', 'workload'));
  checks.must('X-4', 'cA is false', () => basicConstraintsOf(leaf).ca && 'cA is true');
  checks.must('X-5', 'digitalSignature is set', () => !usage.includes(DIGITAL_SIGNATURE) && 'it is not');
  checks.must('X-5', 'neither keyCertSign nor cRLSign is set', () => {
    return (usage.includes(KEY_CERT_SIGN) || usage.includes(CRL_SIGN)) && usage.join(' ');
  });
  checks.must('X-5', 'no other bit than keyEncipherment and keyAgreement', () => {
    return usage.some((bit) => ![DIGITAL_SIGNATURE, KEY_ENCIPHERMENT, KEY_AGREEMENT].includes(bit)) && usage.join(' ');
  });
  checks.should('X-6', 'extended key usage is there', () => extended === undefined && 'it is not');
  checks.must('X-6', 'with both serverAuth and clientAuth', () => {
    return (
      extended !== undefined &&
      !(extended.includes(SERVER_AUTH) && extended.includes(CLIENT_AUTH)) &&
      extended.join(' ')
    );
  });
  checks.should(
    'X-9',
    'it names the key of its issuer',
    () => authorityKeyIdentifierOf(leaf) === undefined && 'no authority key identifier',
  );
  return checks.all;
}

/** Rules for a signing certificate; `spiffeId` is one of its leafs'. */
export function checkAuthority(authority: Certificate, spiffeId: string): readonly Check[] {
  const checks = new Checks();
  const usage = keyUsageOf(authority) ?? [];
  const extended = extendedKeyUsageOf(authority);
  const uris = alternativeNamesOf(authority).filter(({ kind }) => kind === URI_NAME);
  checks.must('X-4', 'cA is true', () => !basicConstraintsOf(authority).ca && 'cA is false');
  checks.must(
    'X-4',
    'basic constraints are critical',
    () => authority.extensions.get(OID.basicConstraints)?.critical !== true && 'not critical',
  );
  checks.must('X-5', 'keyCertSign is set', () => !usage.includes(KEY_CERT_SIGN) && 'it is not');
  checks.must(
    'X-5',
    'no other bit than cRLSign',
    () => usage.some((bit) => bit !== KEY_CERT_SIGN && bit !== CRL_SIGN) && usage.join(' '),
  );
  checks.must('X-7', 'it has at most one SPIFFE ID', () => uris.length > 1 && `${uris.length}`);
  for (const { text } of uris) {
    checks.include(checkSpiffeId(text, 'trust domain'));
    checks.should('ID-6', 'it is in the trust domain of its leafs', () => !spiffeId.startsWith(`${text}/`) && text);
  }
  checks.must('X-6', 'extended key usage, if any, allows both', () => {
    return (
      extended !== undefined &&
      !(extended.includes(SERVER_AUTH) && extended.includes(CLIENT_AUTH)) &&
      extended.join(' ')
    );
  });
  checks.must('X-9', 'it has a subject', () => authority.subject.equals(EMPTY_NAME) && 'empty');
  checks.must(
    'X-9',
    'it has a subject key identifier',
    () => keyIdentifierOf(authority) === undefined && 'it has none',
  );
  return checks.all;
}

function pathProblem(
  leaf: Certificate,
  issuers: readonly Certificate[],
  authorities: readonly Certificate[],
): string | false {
  let at = leaf;
  let below = 0;
  for (const issuer of [...issuers, undefined]) {
    const anchor = authorities.find((authority) => isSignedBy(at, authority));
    if (anchor !== undefined) return pathLengthProblem(anchor, below);
    if (issuer === undefined || !isSignedBy(at, issuer)) return 'the chain breaks off';
    const problem = pathLengthProblem(issuer, below);
    if (problem !== false) return problem;
    at = issuer;
    below += 1;
  }
  return 'no authority of the bundle signed it';
}

function pathLengthProblem(issuer: Certificate, below: number): string | false {
  const { pathLength } = basicConstraintsOf(issuer);
  return pathLength !== undefined && pathLength < below && `path length ${pathLength}, ${below} certificates below`;
}

function outlives(leaf: Certificate, issuers: readonly Certificate[]): string | false {
  const issuer = issuers.find((one) => isSignedBy(leaf, one));
  return issuer !== undefined && leaf.notAfter > issuer.notAfter && `${leaf.notAfter} > ${issuer.notAfter}`;
}
