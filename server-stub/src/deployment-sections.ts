import { DeclaredFiles } from 'spirl-agent/runtime/declared-files.js';
import type { PolicyDefaults } from './cluster-views.js';
import type { SectionType } from './config/managed-section.js';
import { sectionTypes } from './config/managed-section-types.js';
import type { SectionTypesOf, ServerConfig } from './config/server-config.js';
import { bindingProblem } from './key-manager/pkcs11/cryptoki.js';
import { keyManagerSection } from './key-services.js';
import { policyProblems } from './policy/compile-policy.js';
import { UPSTREAM_SECTION_SCHEMA } from './upstream-authority/upstream-schemas.js';
import { upstreamSectionProblems } from './upstream-authority/upstream-section.js';

type Settings = Parameters<SectionTypesOf>[0];

/** What a policy that says nothing of it issues. */
export function policyDefaultsOf({ svid, labTtl }: Pick<ServerConfig, 'svid' | 'labTtl'>): PolicyDefaults {
  return { x509TtlMs: svid.x509TTL, jwtTtlMs: svid.jwtTTL, ttlFloor: labTtl ? 'lab' : 'production' };
}

/** Every managed section with its check, as this server's own configuration and its installation allow it. */
export function sectionTypesOf(settings: Settings, pkcs11Problem = bindingProblem): readonly SectionType[] {
  const { secretDirectories, webhookHosts } = settings.extensions;
  const declared = { files: new DeclaredFiles(secretDirectories), webhookHosts };
  const options = { ...policyDefaultsOf(settings), platform: 'linux' } as const;
  return sectionTypes((spec, at) => policyProblems(spec, options, at), {
    keyManager: keyManagerSection(settings, pkcs11Problem),
    upstreamAuthority: {
      schema: UPSTREAM_SECTION_SCHEMA,
      problems: (spec, at) => upstreamSectionProblems(spec, at, declared),
    },
  });
}
