import type { Attributes } from '../domain/attributes.js';
import type { SpiffeId } from '../domain/spiffe-id.js';
import type { JwtSvid, X509Svid } from '../domain/svid.js';
import type { SpirlError } from '../runtime/errors.js';

// What this room needs of the one that talks to the server.

export interface X509Issuer {
  /** One message; the answers are in the order of the items. `renewal` false: a workload waits for it. */
  mint(
    items: readonly { readonly attributes: Attributes; readonly renewal: boolean }[],
    signal: AbortSignal,
  ): Promise<readonly (X509Svid | SpirlError)[]>;
}

export interface JwtIssuer {
  mintJwt(
    item: { readonly attributes: Attributes; readonly audience: readonly string[] },
    signal: AbortSignal,
  ): Promise<JwtSvid>;
}

/** What the policy decides for an attribute set; another `outcome` text than an SVID's means it would be issued differently. */
export interface Resolution {
  readonly spiffeId: SpiffeId;
  readonly outcome: string;
}

export interface IdentityResolver {
  /** What each attribute set would get today, in the same order; nothing is signed. */
  resolve(items: readonly Attributes[], signal: AbortSignal): Promise<readonly (Resolution | SpirlError)[]>;
}

export interface Acknowledge {
  /** Everything of trust state `version` has been pushed to all streams; `svidsPerKeyset` is what is held now. */
  acknowledge(version: number, svidsPerKeyset: Readonly<Record<string, number>>): void;
}

export interface SvidMetrics {
  /** SVIDs that are more than one minute past half of their life. */
  expiring(type: 'x509' | 'jwt', count: number): void;
}

/** Bound of every call to the server. */
export const ISSUER_DEADLINE_MS = 30_000;
