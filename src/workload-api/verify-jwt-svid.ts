import { decodeJwt, decodeProtectedHeader, errors, importJWK, jwtVerify, type JWTPayload } from 'jose';
import { SpiffeId } from '../domain/spiffe-id.js';
import type { JwtAuthority, TrustBundle } from '../domain/trust-bundle.js';
import { SpirlError } from '../runtime/errors.js';

/** JWT-SVID 2.1 */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512', 'PS256', 'PS384', 'PS512'] as const;
/** JWT-SVID 2: no other header parameter is allowed. */
const HEADER = new Set(['alg', 'kid', 'typ']);
/** Clocks of two nodes may differ: a token may come from one that is ahead. `exp` gets no such allowance. */
const NOT_BEFORE_LEEWAY_SECONDS = 60;

export interface VerifiedJwtSvid {
  readonly spiffeId: SpiffeId;
  readonly claims: Readonly<Record<string, unknown>>;
}

/**
 * Verifies a JWT-SVID by the rules of its standard, with nothing but the bundle of its subject's trust domain. `now` is in
 * milliseconds. Throws INVALID_REQUEST with the reason; the token itself is never repeated.
 */
export async function verifyJwtSvid(
  token: string,
  audience: string,
  bundles: readonly TrustBundle[],
  now: number,
): Promise<VerifiedJwtSvid> {
  const { alg, kid } = readHeader(token);
  const spiffeId = readSubject(token);
  const bundle = bundles.find(({ trustDomain }) => trustDomain === spiffeId.trustDomain);
  if (bundle === undefined) throw invalid(`no bundle for trust domain ${JSON.stringify(spiffeId.trustDomain)}`);
  // A key id is optional in a token; without one every authority of the trust domain is a candidate.
  const candidates = bundle.jwtAuthorities.filter(({ keyId }) => kid === undefined || keyId === kid);
  if (candidates.length === 0) {
    throw invalid(`no JWT authority ${quote(kid ?? '')} in the bundle of ${JSON.stringify(bundle.trustDomain)}`);
  }
  for (const authority of candidates) {
    const claims = await verifyWith(authority, alg, token, audience, now);
    if (claims !== undefined) return { spiffeId, claims };
  }
  throw invalid('the signature does not verify');
}

interface Header {
  readonly alg: string;
  readonly kid: string | undefined;
}

function readHeader(token: string): Header {
  if (!/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)) throw invalid('not a JWS in compact serialization');
  const header = reading('header', () => decodeProtectedHeader(token) as Record<string, unknown>);
  for (const name of Object.keys(header)) {
    if (!HEADER.has(name)) throw invalid(`header parameter ${quote(name)} is not allowed (only alg, kid and typ)`);
  }
  const { alg, kid, typ } = header;
  if (typeof alg !== 'string' || !(ALGORITHMS as readonly string[]).includes(alg)) {
    throw invalid(`header parameter alg must be one of ${ALGORITHMS.join(', ')}`);
  }
  if (kid !== undefined && (typeof kid !== 'string' || kid === '')) {
    throw invalid('header parameter kid must be a string that is not empty');
  }
  if (typ !== undefined && typ !== 'JWT' && typ !== 'JOSE') throw invalid('header parameter typ must be JWT or JOSE');
  return { alg, kid };
}

/** Not verified yet: only tells which trust domain's bundle has to verify it. */
function readSubject(token: string): SpiffeId {
  const { sub } = reading('payload', () => decodeJwt(token));
  if (typeof sub !== 'string') throw invalid('claim sub is required');
  try {
    return SpiffeId.parse(sub);
  } catch (error) {
    throw invalid('claim sub is not a SPIFFE ID', error);
  }
}

/** The claims; `undefined` when the signature is not this authority's. Throws INVALID_REQUEST when a claim is not acceptable. */
async function verifyWith(
  authority: JwtAuthority,
  alg: string,
  token: string,
  audience: string,
  now: number,
): Promise<JWTPayload | undefined> {
  try {
    const key = await importJWK({ ...authority.publicJwk }, alg);
    const { payload } = await jwtVerify(token, key, {
      algorithms: [alg],
      audience,
      requiredClaims: ['sub', 'aud', 'exp'],
      currentDate: new Date(now),
      clockTolerance: NOT_BEFORE_LEEWAY_SECONDS,
    });
    if ((payload.exp ?? 0) * 1000 <= now) throw new errors.JWTExpired('', payload, 'exp');
    return payload;
  } catch (error) {
    if (error instanceof errors.JWTExpired) throw invalid('expired', error);
    if (error instanceof errors.JWTClaimValidationFailed) throw invalid(claimReason(error), error);
    // Another key, another type of key or another algorithm: in every case not signed by this authority.
    return undefined;
  }
}

function claimReason({ claim, reason }: errors.JWTClaimValidationFailed): string {
  if (reason === 'missing') return `claim ${claim} is required`;
  if (claim === 'aud') return 'claim aud does not hold the expected audience';
  return claim === 'nbf' ? 'not valid yet' : `claim ${claim} is not acceptable`;
}

function reading<T>(part: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw invalid(`the ${part} is not a JSON object in base64url`, error);
  }
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 64));
}

function invalid(reason: string, cause?: unknown): SpirlError {
  return new SpirlError('INVALID_REQUEST', `svid: ${reason}`, { cause });
}
