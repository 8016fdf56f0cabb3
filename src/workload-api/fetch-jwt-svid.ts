import type { Attributes } from '../domain/attributes.js';
import { SpiffeId } from '../domain/spiffe-id.js';
import type { JwtSvid } from '../domain/svid.js';
import { SpirlError } from '../runtime/errors.js';
import { encodeJwtSvids, type JwtSvidRequestMessage } from './messages.js';
import { requireAudience } from './audience.js';
import type { UnaryServe } from './workload.js';

/** Audiences one token may carry. */
const MAX_AUDIENCES = 32;

export interface JwtSvidSource {
  /** All JWT-SVIDs of the caller, or that of `spiffeId`; at least one. Rejects with NO_IDENTITY_ISSUED or UNAVAILABLE. */
  jwtSvids(
    request: {
      readonly attributes: Attributes;
      readonly uid: number;
      readonly audience: readonly string[];
      readonly spiffeId?: SpiffeId;
    },
    signal: AbortSignal,
  ): Promise<readonly JwtSvid[]>;
}

export interface JwtSvidRequest {
  readonly audience: readonly string[];
  readonly spiffeId?: SpiffeId;
}

/** Throws INVALID_REQUEST or INVALID_SPIFFE_ID naming the field. */
export function parseJwtSvidRequest({ audience, spiffeId }: JwtSvidRequestMessage): JwtSvidRequest {
  if (audience.length === 0) throw new SpirlError('INVALID_REQUEST', 'audience: at least one value is required');
  if (audience.length > MAX_AUDIENCES) {
    throw new SpirlError('INVALID_REQUEST', `audience: at most ${MAX_AUDIENCES} values, got ${audience.length}`);
  }
  for (const [index, value] of audience.entries()) requireAudience(`audience[${index}]`, value);
  const unique = [...new Set(audience)];
  return spiffeId === '' ? { audience: unique } : { audience: unique, spiffeId: parseId(spiffeId) };
}

function parseId(text: string): SpiffeId {
  try {
    return SpiffeId.parse(text);
  } catch (error) {
    if (!(error instanceof SpirlError)) throw error;
    throw new SpirlError(error.code, `spiffe_id: ${error.message}`, { cause: error });
  }
}

/** FetchJWTSVID: tokens of the caller's identities for the audiences it names. */
export function fetchJwtSvid(svids: JwtSvidSource): UnaryServe<JwtSvidRequest> {
  return async ({ attributes, process }, signal, request) => {
    const found = await svids.jwtSvids({ attributes, uid: process.uid, ...request }, signal);
    if (found.length === 0) throw new SpirlError('NO_IDENTITY_ISSUED', 'no identity issued');
    return encodeJwtSvids(found);
  };
}
