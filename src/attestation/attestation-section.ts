import { readWorkloadAttestation, type WorkloadAttestationSpec } from '../domain/workload-attestation.js';
import { liveSection } from '../runtime/live-section.js';
import type { Logger } from '../runtime/logger.js';

/** The managed section `WorkloadAttestation` as it is now; `section` gives its spec, `undefined` when it is absent. */
export function createAttestationSection(section: () => unknown, logger: Logger): () => WorkloadAttestationSpec {
  return liveSection('WorkloadAttestation', readWorkloadAttestation, section, logger);
}
