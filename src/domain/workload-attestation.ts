import { groupOf, isSet, type SpecProblem } from './section-spec.js';

/** Managed section `WorkloadAttestation` v1 (cluster scope), with every default in it. */
export interface WorkloadAttestationSpec {
  readonly linux: {
    readonly enabled: boolean;
    /** Adds `linux.binary.path`; reading it of other users' processes needs CAP_SYS_PTRACE. */
    readonly discoverWorkloadPath: boolean;
  };
}

/** Parts of the section that a later version knows; refused by name until then. */
const LATER = ['kubernetes', 'docker', 'systemd', 'jwt', 'extension'] as const;

/**
 * Reads the section's spec; `undefined` or null is an absent section. Never throws: a part that is wrong keeps its default and
 * is in `problems`, which the server refuses and the agent logs.
 */
export function readWorkloadAttestation(spec: unknown): {
  readonly spec: WorkloadAttestationSpec;
  readonly problems: readonly SpecProblem[];
} {
  const problems: SpecProblem[] = [];
  const group = groupOf(spec, ['linux', ...LATER], '', problems);
  for (const key of LATER) {
    if (isDisabled(group[key])) continue;
    problems.push({ path: `/${key}`, reason: `${key} attestation is not available in this version` });
  }
  const linux = groupOf(group['linux'], ['enabled', 'discoverWorkloadPath'], '/linux', problems);
  const flag = (key: string, fallback: boolean): boolean => {
    const value = linux[key];
    if (typeof value === 'boolean') return value;
    if (isSet(value)) problems.push({ path: `/linux/${key}`, reason: 'true or false is expected' });
    return fallback;
  };
  const read = { enabled: flag('enabled', true), discoverWorkloadPath: flag('discoverWorkloadPath', false) };
  return { spec: { linux: read }, problems };
}

/** `{ enabled: false }` asks for nothing, so it is no problem that the part does not exist. */
function isDisabled(value: unknown): boolean {
  return !isSet(value) || (typeof value === 'object' && (value as { enabled?: unknown }).enabled === false);
}
