import type { Clock } from 'spirl-agent/runtime/clock.js';
import type { CaIssuer } from './ca-issuer.js';
import { createCertificateRequest } from './certificate-request.js';
import { acceptAnswer, validFrom } from './upstream-answer.js';
import type { UpstreamAuthority } from './upstream-authority.js';

/** An authority's clock may be ahead of ours by this much: what is valid a moment later is waited for. */
const MAX_WAIT_MS = 30_000;

/** An authority above ours as an upstream authority: request, answer, checks. The axes stay apart: it knows keys, not custody. */
export function upstreamFromIssuer(issuer: CaIssuer, clock: Clock): UpstreamAuthority {
  return {
    mintCa: async (request, signal) => {
      const csr = await createCertificateRequest(request, signal);
      const issued = await issuer.issue({ ...request, csr }, signal);
      const early = (validFrom(issued) ?? 0) - clock.now();
      if (early > 0 && early <= MAX_WAIT_MS) await clock.sleep(early, signal);
      return acceptAnswer(issuer.title, issued, { ...request, csr }, clock.now());
    },
  };
}
