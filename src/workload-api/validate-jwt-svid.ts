import { SpirlError } from '../runtime/errors.js';
import type { Clock } from '../runtime/clock.js';
import { requireAudience } from './audience.js';
import { presentBundles, type BundleSource } from './bundle-source.js';
import { encodeValidated, type ValidateRequestMessage } from './messages.js';
import type { UnaryServe } from './workload.js';

/** Tokens longer than this are refused unread. */
const MAX_TOKEN_BYTES = 32 * 1024;

/** Throws INVALID_REQUEST naming the field. */
export function parseValidateRequest(request: ValidateRequestMessage): ValidateRequestMessage {
  requireAudience('audience', request.audience);
  if (request.svid === '') throw new SpirlError('INVALID_REQUEST', 'svid: must not be empty');
  if (Buffer.byteLength(request.svid) > MAX_TOKEN_BYTES) {
    throw new SpirlError('INVALID_REQUEST', `svid: at most ${MAX_TOKEN_BYTES} bytes`);
  }
  return request;
}

/** ValidateJWTSVID: the token's SPIFFE ID and claims, verified with the bundle of its trust domain for the given audience. */
export function validateJwtSvid(bundles: BundleSource, clock: Clock): UnaryServe<ValidateRequestMessage> {
  return async (_workload, _signal, { audience, svid }) => {
    const set = presentBundles(bundles);
    // Loaded when the first token comes: most agents validate none, and the libraries behind it take time at the start.
    const { verifyJwtSvid } = await import('./verify-jwt-svid.js');
    const { spiffeId, claims } = await verifyJwtSvid(svid, audience, set.bundles, clock.now());
    return encodeValidated(spiffeId.toString(), claims);
  };
}
