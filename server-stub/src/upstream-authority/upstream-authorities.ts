import { createAwsPcaIssuer, type AwsPcaSettings } from './aws-pca/aws-pca-issuer.js';
import { createDiskIssuer, type DiskSettings } from './disk/disk-issuer.js';
import { createSelfSigned } from './self-signed.js';
import type { UpstreamAuthority } from './upstream-authority.js';
import { upstreamFromIssuer } from './upstream-from-issuer.js';
import type { UpstreamParts } from './upstream-parts.js';
import { readUpstreamSection, type UpstreamChoice } from './upstream-section.js';
import { createWebhookIssuer, type WebhookSettings } from './webhook/webhook-issuer.js';

/** Every upstream authority, by the name that the section UpstreamAuthority gives it. */
export const UPSTREAM_AUTHORITIES = {
  selfSigned: (_settings: undefined, parts: UpstreamParts) => createSelfSigned(parts),
  awsPca: (settings: AwsPcaSettings, parts: UpstreamParts) =>
    upstreamFromIssuer(createAwsPcaIssuer(settings, parts), parts.clock),
  disk: (settings: DiskSettings, parts: UpstreamParts) =>
    upstreamFromIssuer(createDiskIssuer(settings, parts), parts.clock),
  webhook: (settings: WebhookSettings, parts: UpstreamParts) =>
    upstreamFromIssuer(createWebhookIssuer(settings, parts), parts.clock),
} as const satisfies Record<UpstreamChoice['use'], (settings: never, parts: UpstreamParts) => UpstreamAuthority>;

/**
 * The upstream authority that the section UpstreamAuthority names at the moment a CA is wanted: a new section counts from
 * the next rotation on. `spec` is the section's, undefined when there is none.
 */
export function createConfiguredUpstream(parts: UpstreamParts, spec: () => unknown): UpstreamAuthority {
  return {
    mintCa: async (request, signal) => chosen(readUpstreamSection(spec(), parts), parts).mintCa(request, signal),
  };
}

function chosen(choice: UpstreamChoice, parts: UpstreamParts): UpstreamAuthority {
  switch (choice.use) {
    case 'selfSigned':
      return UPSTREAM_AUTHORITIES.selfSigned(undefined, parts);
    case 'awsPca':
      return UPSTREAM_AUTHORITIES.awsPca(choice.settings, parts);
    case 'disk':
      return UPSTREAM_AUTHORITIES.disk(choice.settings, parts);
    case 'webhook':
      return UPSTREAM_AUTHORITIES.webhook(choice.settings, parts);
  }
}
