/**
 * Runs `make` once per object `key`, and again when `under` has become another; what was made lives as long as the key. For what
 * follows from immutable snapshots and is asked for with every call.
 */
export function madeOnce<K extends object, U, V>(make: (key: K, under: U) => V): (key: K, under: U) => V {
  const made = new WeakMap<K, { readonly under: U; readonly value: V }>();
  return (key, under) => {
    const found = made.get(key);
    if (found !== undefined && found.under === under) return found.value;
    const value = make(key, under);
    made.set(key, { under, value });
    return value;
  };
}
