import type { Clock } from 'spirl-agent/runtime/clock.js';
import { SpirlError } from 'spirl-agent/runtime/errors.js';
import { createSelfSigned } from './self-signed.js';
import type { UpstreamAuthority } from './upstream-authority.js';

type Factory = (parts: { readonly clock: Clock }) => UpstreamAuthority;

/** Every upstream authority that can be configured, by the name the `UpstreamAuthority` section gives it. */
export const UPSTREAM_AUTHORITIES = { selfSigned: createSelfSigned } as const satisfies Record<string, Factory>;

/** The one that the configuration names. Throws INVALID_CONFIG for one that does not exist (yet). */
export function createUpstreamAuthority(name: string, parts: { readonly clock: Clock }): UpstreamAuthority {
  if (!isKnown(name)) {
    const known = Object.keys(UPSTREAM_AUTHORITIES).join(', ');
    throw new SpirlError('INVALID_CONFIG', `upstream authority ${name} is not available in this version (${known})`);
  }
  return UPSTREAM_AUTHORITIES[name](parts);
}

function isKnown(name: string): name is keyof typeof UPSTREAM_AUTHORITIES {
  return Object.hasOwn(UPSTREAM_AUTHORITIES, name);
}
