/** How a connection fails, in words: by the system's error codes. */
const NETWORK: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection lost',
  EPIPE: 'connection lost',
  ENOTFOUND: 'its name cannot be resolved',
  EAI_AGAIN: 'its name cannot be resolved',
  EHOSTUNREACH: 'no route to it',
  ENETUNREACH: 'no route to it',
  ETIMEDOUT: 'no answer in time',
  ESOCKETTIMEDOUT: 'no answer in time',
  UND_ERR_CONNECT_TIMEOUT: 'no answer in time',
};

/** How the other end of a TLS connection fails to prove who it is; waiting does not help. */
const UNTRUSTED: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'its certificate has expired',
  CERT_NOT_YET_VALID: 'its certificate is not yet valid',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is not signed by a trusted authority',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is not signed by a trusted authority',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate is not signed by a trusted authority',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is not signed by a trusted authority',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
};

/** What is wrong with the connection that `error` tells of; undefined when the connection is not what failed. */
export function networkReason(error: unknown): string | undefined {
  return codesOf(error).map((code) => NETWORK[code])[0];
}

/** Why the service at the other end was not trusted; undefined when it was. */
export function untrustedReason(error: unknown): string | undefined {
  return codesOf(error).map((code) => UNTRUSTED[code])[0];
}

/** Known codes of an error and of what lies behind it; an attempt on several addresses has one error for each. */
function codesOf(error: unknown, depth = 0): readonly string[] {
  if (!(error instanceof Error) || depth > 5) return [];
  const { code, errors } = error as Error & { code?: unknown; errors?: unknown };
  const own = typeof code === 'string' && (code in NETWORK || code in UNTRUSTED) ? [code] : [];
  const behind = [error.cause, ...(Array.isArray(errors) ? (errors as unknown[]) : [])];
  return [...own, ...behind.flatMap((next) => codesOf(next, depth + 1))];
}
