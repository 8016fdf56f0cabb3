import type { CaRequest } from './upstream-authority.js';

/** What an upstream authority is asked. */
export interface IssueRequest extends CaRequest {
  /** PKCS#10 of the keyset's key, DER, signed with that key. */
  readonly csr: Uint8Array;
}

/** What it answers, as it came: nothing of it is believed before `upstream-answer.ts` has looked. Certificates are DER. */
export interface IssuedChain {
  /** Our CA first, then whatever leads towards a root; a root among them is harmless. */
  readonly chain: readonly Uint8Array[];
  readonly roots: readonly Uint8Array[];
}

/** An authority above ours. Failures: KEY_SERVICE_UNAVAILABLE (may pass by itself), KEY_SERVICE_REFUSED (will not). */
export interface CaIssuer {
  /** For people: `AWS Private CA arn:…`. */
  readonly title: string;
  issue(request: IssueRequest, signal: AbortSignal): Promise<IssuedChain>;
}

/** Asking again gets the same answer. */
export const REFUSED = 'KEY_SERVICE_REFUSED';
/** It may pass by itself. */
export const UNREACHABLE = 'KEY_SERVICE_UNAVAILABLE';
