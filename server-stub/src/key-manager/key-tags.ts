import type { Problem } from 'spirl-agent/runtime/problems.js';

export interface TagRules {
  /** Beginnings of keys that are not an operator's. */
  readonly reserved: readonly string[];
  readonly most: number;
  readonly keyLength: number;
  readonly valueLength: number;
}

/** What is wrong with an operator's own tags for keys, as JSON Pointers below `at`. */
export function keyTagProblems(
  tags: Readonly<Record<string, string>>,
  at: string,
  { reserved, most, keyLength, valueLength }: TagRules,
): readonly Problem[] {
  const entries = Object.entries(tags);
  const problems: Problem[] = [];
  if (entries.length > most) problems.push({ path: at, reason: `at most ${most} tags are expected` });
  for (const [key, value] of entries) {
    const path = `${at}/${key.slice(0, 200).replaceAll('~', '~0').replaceAll('/', '~1')}`;
    const prefix = reserved.find((start) => key.toLowerCase().startsWith(start));
    if (prefix !== undefined) problems.push({ path, reason: `a tag that does not begin with ${prefix} is expected` });
    if (key.length > keyLength) problems.push({ path, reason: `a tag of at most ${keyLength} characters is expected` });
    if (value.length > valueLength) {
      problems.push({ path, reason: `a value of at most ${valueLength} characters is expected` });
    }
  }
  return problems;
}
