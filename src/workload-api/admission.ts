import { SpirlError } from '../runtime/errors.js';
import type { HeaderFields } from '../runtime/http2/request-headers.js';
import type { Caller } from './peer-registry.js';
import type { UidQuota } from './uid-quota.js';

const SECURITY_HEADER = 'workload.spiffe.io';

/**
 * The first steps of every call, taken before a byte of its request is read: its connection is within the limit, its uid has
 * room for one more call (`streams`), and the security header is there where `needsHeader` says so of the path. Throws the
 * refusal, or returns how to give the call's place back.
 */
export function admission(streams: UidQuota, needsHeader: (path: string) => boolean) {
  return (path: string, headers: HeaderFields, peer: object): (() => void) => {
    const caller = peer as Caller;
    if ('refusal' in caller) throw caller.refusal;
    const giveBack = streams.take(caller.process.uid);
    try {
      if (needsHeader(path)) requireSecurityHeader(headers);
      return giveBack;
    } catch (error) {
      giveBack();
      throw error;
    }
  };
}

/** WE 6: exactly one value, compared to the letter; several come joined by commas. */
function requireSecurityHeader(headers: HeaderFields): void {
  if (headers[SECURITY_HEADER] === 'true') return;
  throw new SpirlError(
    'INVALID_REQUEST',
    `security header missing from request: metadata ${SECURITY_HEADER} must be given once, as "true"`,
  );
}
