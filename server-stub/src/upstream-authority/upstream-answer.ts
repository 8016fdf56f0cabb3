import { formatDuration } from 'spirl-agent/runtime/duration.js';
import { SpirlError } from 'spirl-agent/runtime/errors.js';
import * as x509 from 'spirl-agent/runtime/x509.js';
import type { IssuedChain, IssueRequest } from './ca-issuer.js';
import {
  certSigning,
  isCa,
  isSame,
  isSelfSigned,
  keyProblem,
  pathLengthOf,
  purposesOf,
  readCertificate,
  signatureProblem,
  spkiOf,
  type ChainCertificate,
} from './chain-certificate.js';
import { trustPath } from './trust-path.js';
import type { MintedCa } from './upstream-authority.js';

/** A CA that lives shorter cannot be rotated in time: its successor has to be made, told to everybody and activated. */
const SHORTEST_CA_MS = 3_600_000;
const MAX_CERTIFICATES = 16;
/** What verifiers of leaves understand when it is critical. */
const KNOWN_CRITICAL = new Set([
  '2.5.29.15',
  '2.5.29.17',
  '2.5.29.19',
  '2.5.29.30',
  '2.5.29.32',
  '2.5.29.36',
  '2.5.29.37',
]);
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
const ANY_PURPOSE = '2.5.29.37.0';

/** What is checked in an answer; each refusal names one of these. */
export type AnswerCheck =
  | 'certificates'
  | 'public key'
  | 'basic constraints'
  | 'path length'
  | 'key usage'
  | 'extended key usage'
  | 'names'
  | 'critical extensions'
  | 'algorithms'
  | 'validity'
  | 'lifetime'
  | 'roots'
  | 'chain';

/** An answer that must not be used, and the check that it fails. */
export class AnswerRefused extends SpirlError {
  readonly check: AnswerCheck;
  constructor(title: string, check: AnswerCheck, reason: string) {
    super('KEY_SERVICE_REFUSED', `the answer of ${title} is refused: ${check}: ${reason}`);
    this.check = check;
  }
}

/** The refusal of one check. */
type Refusal = (check: AnswerCheck, reason: string) => AnswerRefused;

/**
 * Looks at everything the authority called `title` answered before any of it is kept. Throws AnswerRefused. A lifetime
 * shorter than asked is accepted; a root among the chain is left out of what is delivered with leaves.
 */
export function acceptAnswer(title: string, issued: IssuedChain, request: IssueRequest, now: number): MintedCa {
  const refusal: Refusal = (check, reason) => new AnswerRefused(title, check, reason);
  const [ca, ...others] = readAll('chain', issued.chain, refusal);
  if (ca === undefined) throw refusal('certificates', 'the chain is empty');
  const roots = uniqueRoots(readAll('roots', issued.roots, refusal), now, refusal);
  checkCa(ca, request, now, refusal);
  const path = trustPath(ca, others, roots, now);
  if ('check' in path) throw refusal(path.check, path.reason);
  return {
    caCertificate: ca.der,
    intermediates: path.intermediates.map(({ der }) => der),
    x509Authorities: roots.map(({ der }) => der),
    notAfter: ca.notAfter,
  };
}

/** When our CA of an answer becomes valid, milliseconds since the epoch; undefined when that cannot be read. */
export function validFrom(issued: IssuedChain): number | undefined {
  try {
    return issued.chain[0] && readCertificate(issued.chain[0]).notBefore;
  } catch {
    return undefined;
  }
}

function readAll(which: string, ders: readonly Uint8Array[], refusal: Refusal): readonly ChainCertificate[] {
  if (ders.length > MAX_CERTIFICATES) {
    throw refusal('certificates', `${which}: at most ${MAX_CERTIFICATES} are expected, ${ders.length} came`);
  }
  return ders.map((der, index) => {
    try {
      return readCertificate(der);
    } catch {
      throw refusal('certificates', `${which}: number ${index + 1} is no X.509 certificate`);
    }
  });
}

function uniqueRoots(roots: readonly ChainCertificate[], now: number, refusal: Refusal): readonly ChainCertificate[] {
  if (roots.length === 0) throw refusal('roots', 'there is none');
  const unique = roots.filter((root, index) => roots.findIndex((other) => isSame(other, root)) === index);
  unique.forEach((root, index) => {
    const refuse = (why: string): AnswerRefused => refusal('roots', `root ${index + 1} ${why}`);
    if (!isSelfSigned(root)) throw refuse('is not self-signed');
    if (!isCa(root) || certSigning(root) === 'no') throw refuse('may not sign certificates');
    if (now < root.notBefore || now >= root.notAfter) throw refuse(`is valid ${period(root)} only`);
    const weak = keyProblem(root);
    if (weak !== undefined) throw refuse(`cannot be relied on: ${weak}`);
  });
  return unique;
}

/** Everything that our CA's certificate says by itself. */
function checkCa(ca: ChainCertificate, request: IssueRequest, now: number, refusal: Refusal): void {
  const refuse = (check: AnswerCheck, reason: string | undefined): void => {
    if (reason !== undefined) throw refusal(check, reason);
  };
  const given = spkiOf(ca.node.publicKey);
  refuse('public key', given.equals(request.key.publicKeySpki) ? undefined : 'it is not the one that was asked for');
  refuse('basic constraints', isCa(ca) ? undefined : 'the certificate is no CA');
  const length = pathLengthOf(ca);
  refuse('path length', length === 0 ? undefined : `it is ${length ?? 'not limited'}, 0 is expected`);
  refuse('key usage', certSigning(ca) === 'yes' ? undefined : 'keyCertSign is missing');
  refuse('extended key usage', purposeProblem(ca));
  refuse('names', nameProblem(ca));
  const unknown = ca.parsed.extensions.find(({ critical, type }) => critical && !KNOWN_CRITICAL.has(type));
  refuse('critical extensions', unknown && `extension ${unknown.type} is critical and not known to verifiers`);
  refuse('algorithms', signatureProblem(ca) ?? keyProblem(ca));
  refuse('validity', now >= ca.notBefore && now < ca.notAfter ? undefined : `it is valid ${period(ca)} only`);
  const left = ca.notAfter - now;
  const needed = Math.min(SHORTEST_CA_MS, request.preferredTtlMs / 2);
  refuse(
    'lifetime',
    left >= needed ? undefined : `${formatDuration(left)} are left, a rotation needs ${formatDuration(needed)}`,
  );
}

/** Purposes of a CA limit those of its leaves, which are for both ends of TLS. */
function purposeProblem(ca: ChainCertificate): string | undefined {
  const purposes = purposesOf(ca);
  if (purposes === undefined || purposes.includes(ANY_PURPOSE)) return undefined;
  const both = purposes.includes(SERVER_AUTH) && purposes.includes(CLIENT_AUTH);
  return both ? undefined : 'it does not allow server and client authentication';
}

/** A leaf names its issuer by both. */
function nameProblem({ parsed }: ChainCertificate): string | undefined {
  if (parsed.subject === '') return 'the subject is empty';
  const id = parsed.getExtension(x509.SubjectKeyIdentifierExtension);
  return id === null ? 'the subject key identifier is missing' : undefined;
}

function period({ notBefore, notAfter }: ChainCertificate): string {
  return `from ${new Date(notBefore).toISOString()} to ${new Date(notAfter).toISOString()}`;
}
