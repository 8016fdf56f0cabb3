import type { JwtSvidMessage } from '../runtime/workload-client.js';
import { labelled } from './table.js';
import { timeWithDistance } from './time-text.js';

/** A JWT-SVID as people read it. Times are milliseconds since the epoch, `undefined` where the token has none. */
export interface JwtSvidView {
  readonly spiffeId: string;
  readonly hint: string;
  readonly token: string;
  /** `kid` of the token: the keyset that signed it. */
  readonly keyset: string | undefined;
  readonly audience: readonly string[];
  readonly issuedAt: number | undefined;
  readonly expiresAt: number | undefined;
}

/** Reads the token without verifying it: it was just fetched from the endpoint that the caller trusts. */
export function viewOfJwtSvid(svid: JwtSvidMessage): JwtSvidView {
  const [header, claims] = svid.svid.split('.').map(jsonPart);
  const seconds = (value: unknown): number | undefined => (typeof value === 'number' ? value * 1000 : undefined);
  const aud = claims?.['aud'];
  const kid = header?.['kid'];
  return {
    spiffeId: svid.spiffeId,
    hint: svid.hint,
    token: svid.svid,
    keyset: typeof kid === 'string' ? kid : undefined,
    audience: (Array.isArray(aud) ? aud : [aud]).filter((value) => typeof value === 'string'),
    issuedAt: seconds(claims?.['iat']),
    expiresAt: seconds(claims?.['exp']),
  };
}

function jsonPart(part: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(Buffer.from(part, 'base64url').toString())) as Record<string, unknown>;
  } catch {
    return {};
  }
}

export function describeJwtSvid(view: JwtSvidView, now: number): string {
  return labelled([
    ['SPIFFE ID', view.spiffeId],
    ['Hint', view.hint === '' ? undefined : view.hint],
    ['Audience', view.audience.join(', ')],
    ['Issued at', view.issuedAt === undefined ? undefined : timeWithDistance(view.issuedAt, now)],
    ['Expires at', view.expiresAt === undefined ? undefined : timeWithDistance(view.expiresAt, now)],
    ['Keyset', view.keyset],
    ['Token', view.token],
  ]);
}

export function jsonOfJwtSvid(view: JwtSvidView): object {
  const time = (ms: number | undefined): string | undefined =>
    ms === undefined ? undefined : new Date(ms).toISOString();
  return {
    spiffeId: view.spiffeId,
    hint: view.hint,
    svid: view.token,
    keyset: view.keyset,
    audience: view.audience,
    issuedAt: time(view.issuedAt),
    expiresAt: time(view.expiresAt),
  };
}
