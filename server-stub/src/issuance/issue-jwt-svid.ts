import type { Attributes } from 'spirl-agent/domain/attributes.js';
import type { JwtSvid } from 'spirl-agent/domain/svid.js';
import { SpirlError } from 'spirl-agent/runtime/errors.js';
import type { AgentSession } from '../domain/agent-session.js';
import type { SvidCaller } from '../domain/svid-caller.js';
import type { ActiveKeysets } from './active-keyset.js';
import { recorded, type MintRecorder } from './mint-record.js';
import { policyFor, policyInput, type IdentityParts } from './resolve-identity.js';

export interface JwtItem {
  /** As attested and redacted by the agent. */
  readonly attributes: Attributes;
  readonly audience: readonly string[];
}

export interface JwtIssuanceParts extends IdentityParts, MintRecorder {
  readonly keysets: ActiveKeysets;
}

/**
 * Issues one JWT-SVID for a workload of the session's cluster.
 * Throws NO_IDENTITY_ISSUED, INVALID_REQUEST, CLOCK_WENT_BACK, UNAVAILABLE, KEY_SERVICE_UNAVAILABLE.
 */
export function createIssueJwtSvid(parts: JwtIssuanceParts) {
  return (session: AgentSession, item: JwtItem, caller: SvidCaller): Promise<JwtSvid> =>
    recorded(parts, { type: 'jwt', session, caller }, async (trace) => {
      // 1. For whom? JWT-SVID 3.2: a token without an audience is good for anyone.
      const audience = [...new Set(item.audience)];
      if (audience.length === 0 || audience.includes('')) {
        throw new SpirlError('INVALID_REQUEST', 'audience: at least one is required, and none may be empty');
      }

      // 2. Who is it? The policy of the session's cluster decides, on the session's and the agent's attributes.
      const input = policyInput(parts, session, item.attributes);
      const { spiffeId, ttlMs, claims, hint } = policyFor(parts, session).decideJwt(input);
      trace.spiffeId = spiffeId.toString();

      // 3. Who signs? The active keyset of one snapshot, if the clock can be believed.
      const now = parts.clock.now();
      const { keyset, jwt } = parts.keysets.at(now);
      trace.keysetId = keyset.id;

      // 4. Sign: never beyond the keyset's end; verified if the signature was made elsewhere.
      const request = { spiffeId, audience, ttlMs, claims };
      const signed = jwt.isSynchronous ? jwt.signSync(request, now) : await jwt.sign(request, now, caller.signal);
      trace.serial = signed.id;

      // 5. Answer.
      const { token, issuedAt, expiresAt } = signed;
      return { spiffeId, token, issuedAt, expiresAt, keysetId: keyset.id, hint };
    });
}
