/**
 * What attestation found out about a workload: attribute name (`linux.user.name`) to its values, in canonical form
 * (names sorted, values sorted and without duplicates). Most attributes have one value; `linux.supp_group.*` may have many.
 */
export type Attributes = Readonly<Record<string, readonly string[]>>;

/** Canonical form of attributes from several sources: sorted names, sorted unique values, empty lists left out. */
export function canonicalAttributes(...sources: readonly Attributes[]): Attributes {
  const merged = new Map<string, Set<string>>();
  for (const source of sources) {
    for (const [name, values] of Object.entries(source)) {
      const set = merged.get(name) ?? new Set();
      for (const value of values) set.add(value);
      if (set.size > 0) merged.set(name, set);
    }
  }
  const names = [...merged.keys()].sort();
  // A null prototype, so that an attribute called __proto__ is only an attribute.
  const result: Record<string, readonly string[]> = Object.create(null) as Record<string, readonly string[]>;
  for (const name of names) result[name] = Object.freeze([...(merged.get(name) ?? [])].sort());
  return Object.freeze(result);
}

/** The part of `attributes` that `names` read, in canonical form. */
export function projectAttributes(attributes: Attributes, names: Iterable<string>): Attributes {
  const part: Record<string, readonly string[]> = Object.create(null) as Record<string, readonly string[]>;
  for (const name of names) {
    const values = Object.hasOwn(attributes, name) ? attributes[name] : undefined;
    if (values !== undefined) part[name] = values;
  }
  return canonicalAttributes(part);
}

/** One text per canonical attribute set: equal sets, equal keys. */
export function attributesKey(attributes: Attributes): string {
  return JSON.stringify(Object.entries(canonicalAttributes(attributes)));
}
