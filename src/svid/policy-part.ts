import { attributesKey, projectAttributes, type Attributes } from '../domain/attributes.js';
import { madeOnce } from '../runtime/made-once.js';

/** The part of a workload's attributes that the issuance policy reads, and its key: equal parts get equal SVIDs. */
export interface PolicyPart {
  readonly attributes: Attributes;
  readonly key: string;
}

/** `reads` are attribute names; a `*` at the end stands for every name with that beginning. */
export const policyPart = madeOnce((attributes: Attributes, reads: readonly string[]): PolicyPart => {
  const prefixes = reads.filter((name) => name.endsWith('*')).map((name) => name.slice(0, -1));
  const exact = new Set(reads);
  const names = Object.keys(attributes).filter(
    (name) => exact.has(name) || prefixes.some((prefix) => name.startsWith(prefix)),
  );
  const part = projectAttributes(attributes, names);
  return { attributes: part, key: attributesKey(part) };
});

/** Whether two policies read the same, so that keys made under one are keys under the other. */
export function sameReads(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, index) => name === b[index]);
}
