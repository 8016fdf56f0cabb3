import { readWorkloadAttestation, type WorkloadAttestationSpec } from '../domain/workload-attestation.js';
import type { Logger } from '../runtime/logger.js';

/**
 * The managed section `WorkloadAttestation` as it is now. `section` gives its spec (`undefined`: absent); what this version does
 * not understand of it is logged once per version of the section.
 */
export function createAttestationSection(section: () => unknown, logger: Logger): () => WorkloadAttestationSpec {
  let read: { readonly from: unknown; readonly spec: WorkloadAttestationSpec } | undefined;
  return () => {
    const from = section();
    if (read === undefined || read.from !== from) {
      const { spec, problems } = readWorkloadAttestation(from);
      for (const problem of problems) {
        logger.warn('Managed section WorkloadAttestation is not understood', { ...problem });
      }
      read = { from, spec };
    }
    return read.spec;
  };
}
