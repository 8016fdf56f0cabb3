import { SpirlError } from '../runtime/errors.js';

/** A filter of `AttributeRedaction`: one pattern per segment of an attribute's name. */
export type AttributeFilter = readonly string[];

const MAX_LENGTH = 512;

/**
 * Parses a filter: segments separated by dots; in a segment `*` stands for zero or more characters and `?` for exactly one;
 * a segment with dots or slashes is put between single quotes (`kubernetes.pod.label.'app.kubernetes.io/name'`).
 * Throws INVALID_CONFIG.
 */
export function parseAttributeFilter(text: unknown): AttributeFilter {
  const refuse = (reason: string): never => {
    throw new SpirlError('INVALID_CONFIG', reason);
  };
  if (typeof text !== 'string' || text === '') return refuse('an attribute name or pattern is expected');
  if (text.length > MAX_LENGTH) return refuse(`at most ${MAX_LENGTH} characters are expected`);
  if (/\p{Cc}/u.test(text)) return refuse('control characters are not expected');
  const segments: string[] = [];
  // With a dot at the end every segment is followed by one.
  const dotted = `${text}.`;
  const segment = /(?:'([^']+)'|([^'.]+))\./y;
  while (segment.lastIndex < dotted.length) {
    const match = segment.exec(dotted);
    if (match === null) return refuse("segments separated by dots are expected, '…' around one that holds dots");
    segments.push(match[1] ?? match[2] ?? '');
  }
  return segments;
}

/** The segments of an attribute's name: separated by dots; a key in brackets is one (`kubernetes.pod.label[a.b/c]`). */
export function attributeSegments(name: string): readonly string[] {
  const [, plain = name, key] = /^([^[\]]*)\[(.*)\]$/s.exec(name) ?? [];
  return key === undefined ? plain.split('.') : [...plain.split('.'), key];
}

export function matchesFilter(filter: AttributeFilter, segments: readonly string[]): boolean {
  return (
    filter.length === segments.length &&
    filter.every((pattern, index) => matchesPattern(pattern, segments[index] ?? ''))
  );
}

/** `*` and `?` as above. Goes back to the last `*` only, so the work is at most pattern times text. */
function matchesPattern(pattern: string, text: string): boolean {
  const [wanted, given] = [Array.from(pattern), Array.from(text)];
  let [at, star, resume] = [0, -1, 0];
  for (let index = 0; index < given.length;) {
    if (wanted[at] === '*') {
      [star, resume] = [at, index];
      at += 1;
    } else if (at < wanted.length && (wanted[at] === '?' || wanted[at] === given[index])) {
      at += 1;
      index += 1;
    } else if (star >= 0) {
      resume += 1;
      [at, index] = [star + 1, resume];
    } else {
      return false;
    }
  }
  return wanted.slice(at).every((character) => character === '*');
}
