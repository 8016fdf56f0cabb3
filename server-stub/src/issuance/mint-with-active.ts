import type { Clock } from 'spirl-agent/runtime/clock.js';
import { SpirlError } from 'spirl-agent/runtime/errors.js';
import type { Keyset } from '../domain/keyset.js';
import type { SvidCaller } from '../domain/svid-caller.js';
import type { Minted, MintRequest } from '../signer/plain-mint.js';
import type { X509Signer } from '../signer/x509-signer.js';
import type { ActiveKeysets } from './active-keyset.js';
import type { MintTrace } from './mint-record.js';

/** Mints, on this thread or on others. */
export interface X509Minter {
  /** Undefined: `signer` was retired before it was done, and nothing was issued. */
  mint(signer: X509Signer, request: MintRequest, now: number, caller: SvidCaller): Minted | Promise<Minted | undefined>;
}

/** Rings change minutes apart; more changes than these while one SVID is minted are no ordinary operation. */
const ATTEMPTS = 3;

/**
 * Mints with the keyset that is ACTIVE, and with the next one when that changes meanwhile: what waits for a thread while an
 * operator activates another keyset is not signed by the old one. Throws what `ActiveKeysets.at` and the signer throw.
 */
export async function mintWithActive(
  parts: { readonly clock: Clock; readonly keysets: ActiveKeysets; readonly minter: X509Minter },
  request: MintRequest,
  trace: MintTrace,
  caller: SvidCaller,
): Promise<{ readonly keyset: Keyset; readonly minted: Minted }> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const now = parts.clock.now();
    const { keyset, x509 } = parts.keysets.at(now);
    trace.keysetId = keyset.id;
    const pending = parts.minter.mint(x509, request, now, caller);
    const minted = pending instanceof Promise ? await pending : pending;
    if (minted !== undefined) return { keyset, minted };
  }
  throw new SpirlError('UNAVAILABLE', 'the active keyset changes all the time: try again');
}
