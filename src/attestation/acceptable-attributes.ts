import type { Attributes } from '../domain/attributes.js';

/** An attribute that was left out, and why. */
export interface Dropped {
  readonly attribute: string;
  readonly reason: string;
}

/** Longest value, in bytes of UTF-8. */
export const MAX_VALUE_BYTES = 4096;
/** Most values of one attribute; the kernel allows 65,536 supplementary groups. */
export const MAX_VALUES = 1024;
const NAME = /^[a-z][a-z0-9_]*(?:\.[A-Za-z0-9_-]+)*(?:\[[A-Za-z0-9._/-]{1,512}\])?$/;

/**
 * The attributes whose names and values can be sent, logged and compared. One bad value takes its whole attribute away: half a
 * list of groups would be a statement that nobody made. What `..` or `%2e` in a value means is for the policy to decide.
 */
export function acceptableAttributes(attributes: Attributes): { accepted: Attributes; dropped: readonly Dropped[] } {
  const accepted: Record<string, readonly string[]> = {};
  const dropped: Dropped[] = [];
  for (const [name, values] of Object.entries(attributes)) {
    const reason = whyUnacceptable(name, values);
    if (reason === undefined) accepted[name] = values;
    else dropped.push({ attribute: name.slice(0, 100), reason });
  }
  return { accepted, dropped };
}

function whyUnacceptable(name: string, values: readonly string[]): string | undefined {
  if (name.length > 600 || !NAME.test(name)) return 'not an attribute name';
  if (values.length > MAX_VALUES) return `more than ${MAX_VALUES} values`;
  for (const value of values) {
    if (value === '') return 'an empty value';
    if (Buffer.byteLength(value) > MAX_VALUE_BYTES) return `a value of more than ${MAX_VALUE_BYTES} bytes`;
    if (/[\p{Cc}\u2028\u2029]/u.test(value)) return 'a value with control characters';
    // What was not UTF-8 has become U+FFFD: different values would look the same.
    if (/[\p{Cs}\uFFFD]/u.test(value)) return 'a value that is not UTF-8';
  }
  return undefined;
}
