import type { Attributes } from 'spirl-agent/domain/attributes.js';
import type { X509Svid } from 'spirl-agent/domain/svid.js';
import type { AgentSession } from '../domain/agent-session.js';
import type { SvidCaller } from '../domain/svid-caller.js';
import { provenPublicPoint } from '../signer/certificate-request.js';
import type { ActiveKeysets } from './active-keyset.js';
import { mintWithActive, type X509Minter } from './mint-with-active.js';
import { recorded, type MintRecorder } from './mint-record.js';
import { policyFor, policyInput, type IdentityParts } from './resolve-identity.js';

export interface X509Item {
  /** As attested and redacted by the agent. */
  readonly attributes: Attributes;
  /** PKCS#10 DER when the agent made the key, else the server makes one. */
  readonly csr?: Uint8Array;
  /** For the order in which items are taken; the SVID is the same. */
  readonly renewal: boolean;
}

export interface X509IssuanceParts extends IdentityParts, MintRecorder {
  readonly keysets: ActiveKeysets;
  readonly minter: X509Minter;
}

/**
 * Issues one X.509-SVID for a workload of the session's cluster; its `privateKey` is empty when the agent made the key.
 * Throws NO_IDENTITY_ISSUED, INVALID_REQUEST, CLOCK_WENT_BACK, UNAVAILABLE, KEY_SERVICE_UNAVAILABLE.
 */
export function createIssueX509Svid(parts: X509IssuanceParts) {
  return (session: AgentSession, item: X509Item, caller: SvidCaller): Promise<X509Svid> =>
    recorded(parts, { type: 'x509', session, caller }, async (trace) => {
      // 1. Who is it? The policy of the session's cluster decides, on the session's and the agent's attributes.
      const input = policyInput(parts, session, item.attributes);
      const { spiffeId, subject, ttlMs, hint, outcome } = policyFor(parts, session).decideX509(input);
      trace.spiffeId = spiffeId.toString();

      // 2. Which key will it have? A fresh one, made with the certificate, or the agent's, proven by its request.
      const publicPoint = item.csr && (await provenPublicPoint(item.csr));

      // 3. Who signs? The active keyset of one snapshot, if the clock can be believed.
      // 4. Sign: template, signature, verified if it was made elsewhere; never beyond the CA's own end.
      const request = { spiffeId, subject, ttlMs, ...(publicPoint && { publicPoint }) };
      const { keyset, minted } = await mintWithActive(parts, request, trace, caller);
      trace.serial = minted.serial;

      // 5. Answer with the chain up to, and without, what is in the bundle of an upstream.
      return {
        spiffeId,
        chain: [minted.certificate, keyset.caCertificate, ...keyset.intermediates],
        privateKey: minted.privateKey,
        serial: minted.serial,
        notBefore: minted.notBefore,
        notAfter: minted.notAfter,
        keysetId: keyset.id,
        outcome,
        hint,
      };
    });
}
