import { parseAttributeFilter, type AttributeFilter } from './attribute-filter.js';
import { groupOf, isSet, type SpecProblem } from './section-spec.js';

/** Managed section `AttributeRedaction` v1 (cluster scope): which attributes may leave the node. */
export interface AttributeRedactionSpec {
  /** `undefined`: no policy, everything may. Empty: nothing may. */
  readonly allow: readonly AttributeFilter[] | undefined;
}

const MAX_FILTERS = 256;

/**
 * Reads the section's spec (`policy.allowList.filters[]`); `undefined` or null is an absent section. Never throws: what is wrong
 * is in `problems`, which the server refuses and the agent logs. A policy that cannot be understood lets less through, never more.
 */
export function readAttributeRedaction(spec: unknown): {
  readonly spec: AttributeRedactionSpec;
  readonly problems: readonly SpecProblem[];
} {
  const problems: SpecProblem[] = [];
  const group = groupOf(spec, ['policy'], '', problems);
  const policy = groupOf(group['policy'], ['allowList'], '/policy', problems);
  const { filters } = groupOf(policy['allowList'], ['filters'], '/policy/allowList', problems);
  if (!isSet(group['policy']) && problems.length === 0) return { spec: { allow: undefined }, problems };
  if (!Array.isArray(filters) || filters.length > MAX_FILTERS) {
    const reason = `a list of at most ${MAX_FILTERS} filters is expected`;
    if (problems.length === 0) problems.push({ path: '/policy/allowList/filters', reason });
    return { spec: { allow: [] }, problems };
  }
  const allow = filters.flatMap((text: unknown, index) => {
    try {
      return [parseAttributeFilter(text)];
    } catch (error) {
      problems.push({ path: `/policy/allowList/filters/${index}`, reason: (error as Error).message });
      return [];
    }
  });
  return { spec: { allow }, problems };
}
