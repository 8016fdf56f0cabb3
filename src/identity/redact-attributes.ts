import { attributeSegments, matchesFilter } from '../domain/attribute-filter.js';
import type { AttributeRedactionSpec } from '../domain/attribute-redaction.js';
import { projectAttributes, type Attributes } from '../domain/attributes.js';

/** What may leave the node, and the names of what stays. */
export interface Redacted {
  readonly attributes: Attributes;
  /** Sorted. */
  readonly redactions: readonly string[];
}

/** Keeps the attributes that a filter allows; without a policy all of them. */
export function redactAttributes(attributes: Attributes, policy: AttributeRedactionSpec): Redacted {
  const { allow } = policy;
  if (allow === undefined) return { attributes, redactions: [] };
  const names = Object.keys(attributes);
  const allowed = new Set(
    names.filter((name) => {
      const segments = attributeSegments(name);
      return allow.some((filter) => matchesFilter(filter, segments));
    }),
  );
  return {
    attributes: projectAttributes(attributes, allowed),
    redactions: names.filter((name) => !allowed.has(name)).sort(),
  };
}
