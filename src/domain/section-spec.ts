/** What a managed section's spec has wrong, with the JSON Pointer into the spec. */
export interface SpecProblem {
  readonly path: string;
  readonly reason: string;
}

/** An empty string means unset, as in every configuration of the product. */
export function isSet(value: unknown): boolean {
  return value !== undefined && value !== null && value !== '';
}

/**
 * `value` as a group of settings of which `known` are the keys; empty when unset. What is no group, and each unknown key, goes
 * to `problems` at `path`.
 */
export function groupOf(
  value: unknown,
  known: readonly string[],
  path: string,
  problems: SpecProblem[],
): Readonly<Record<string, unknown>> {
  if (!isSet(value)) return {};
  if (typeof value !== 'object' || Array.isArray(value)) {
    problems.push({ path, reason: 'a group of settings (key: value) is expected' });
    return {};
  }
  for (const key of Object.keys(value as object)) {
    if (known.includes(key)) continue;
    const word = key.slice(0, 100).replaceAll('~', '~0').replaceAll('/', '~1');
    problems.push({ path: `${path}/${word}`, reason: `unknown setting; known here: ${known.join(', ')}` });
  }
  return value as Readonly<Record<string, unknown>>;
}
