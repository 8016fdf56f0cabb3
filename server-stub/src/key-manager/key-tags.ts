import type { Problem } from 'spirl-agent/runtime/problems.js';

export interface TagRules {
  /** Beginnings of keys that are not an operator's. */
  readonly reserved: readonly string[];
  readonly most: number;
  readonly keyLength: number;
  readonly valueLength: number;
}

/** JSON Schema of an operator's own tags for keys. */
export const KEY_TAGS_SCHEMA = {
  type: 'object',
  description: 'tags for keys (name: value)',
  additionalProperties: { type: 'string', description: "a tag's value" },
} as const;

/** What the schema cannot say of an operator's own tags, as JSON Pointers below `at`. */
export function keyTagProblems(
  tags: unknown,
  at: string,
  { reserved, most, keyLength, valueLength }: TagRules,
): readonly Problem[] {
  if (typeof tags !== 'object' || tags === null || Array.isArray(tags)) return [];
  const entries = Object.entries(tags as Readonly<Record<string, unknown>>);
  const problems: Problem[] = [];
  if (entries.length > most) problems.push({ path: at, reason: `at most ${most} tags are expected` });
  for (const [key, value] of entries) {
    const path = `${at}/${key.slice(0, 200).replaceAll('~', '~0').replaceAll('/', '~1')}`;
    if (key === '') problems.push({ path, reason: 'the name of a tag is expected' });
    const prefix = reserved.find((start) => key.toLowerCase().startsWith(start));
    if (prefix !== undefined) problems.push({ path, reason: `a tag that does not begin with ${prefix} is expected` });
    if (key.length > keyLength) problems.push({ path, reason: `a tag of at most ${keyLength} characters is expected` });
    if (typeof value === 'string' && value.length > valueLength) {
      problems.push({ path, reason: `a value of at most ${valueLength} characters is expected` });
    }
  }
  return problems;
}
