import type { GuardBaseline } from './compare.js';

/** The guard's part of a baseline file with the content `text`; throws with a sentence that says what it lacks. */
export function readBaseline(text: string): GuardBaseline {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw new Error(`it is no JSON (${error instanceof Error ? error.message : String(error)})`, { cause: error });
  }
  const guard = ((parsed ?? {}) as { readonly guard?: Partial<GuardBaseline> | null }).guard ?? {};
  const { about = 'a day that it does not name', rows, figures } = guard;
  if (!Array.isArray(rows) || !isObject(figures)) throw new Error('it has no figures of the guard');
  return { about, rows, figures };
}

function isObject(value: unknown): value is GuardBaseline['figures'] {
  return typeof value === 'object' && value !== null;
}
