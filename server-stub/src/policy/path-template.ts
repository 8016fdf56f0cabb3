import { SpiffeId } from 'spirl-agent/domain/spiffe-id.js';
import { SpirlError } from 'spirl-agent/runtime/errors.js';
import { noIdentity, type AttributeView } from './attribute-view.js';
import { MalformedTemplate } from './malformed-template.js';
import { attributesOf, parseTemplate, type Template } from './template.js';

/** SPIFFE-ID 2.2: what a segment of a path is made of; it is never `.` or `..`. */
const SEGMENT = /^[A-Za-z0-9._-]+$/;
const DOTS = /^\.{1,2}$/;
/** First segment of paths that belong to agents and servers. */
const RESERVED = 'spirl';

/** Template of the path of a SPIFFE ID, compiled. A value never reaches beyond the segment in which it stands. */
export class PathTemplate {
  readonly reads: readonly string[];
  readonly #segments: readonly Template[];

  /** Throws MalformedTemplate. */
  constructor(text: string) {
    const template = parseTemplate(text);
    this.reads = attributesOf(template);
    this.#segments = segmentsOf(template);
    this.#segments.forEach((segment, at) => checkSegment(segment, at === 0 ? 'first' : 'later'));
  }

  /** SPIFFE ID of one workload. Throws NO_IDENTITY_ISSUED, naming the attribute that stands in the way. */
  render(view: AttributeView, trustDomain: string): SpiffeId {
    const segments = this.#segments.map((segment) => renderSegment(segment, view));
    if (segments[0] === RESERVED) throw noIdentity(`paths under /${RESERVED}/ are reserved`);
    try {
      return SpiffeId.parse(`spiffe://${trustDomain}/${segments.join('/')}`);
    } catch (cause) {
      // Each segment is proper, so it is the whole that is too long.
      throw new SpirlError('NO_IDENTITY_ISSUED', `no identity issued: ${this.#named()} make the SPIFFE ID too long`, {
        cause,
      });
    }
  }

  #named(): string {
    return this.reads.length === 0 ? 'the path template and the trust domain' : `attributes ${this.reads.join(', ')}`;
  }
}

/** Cuts a template at the slashes of its text. */
function segmentsOf(template: Template): readonly Template[] {
  const [first] = template;
  if (first === undefined || !('text' in first) || !first.text.startsWith('/')) {
    throw new MalformedTemplate('a path that begins with / is expected');
  }
  const segments: Template[number][][] = [];
  for (const part of template) {
    if ('attribute' in part) {
      segments.at(-1)?.push(part);
      continue;
    }
    const [head = '', ...tail] = part.text.split('/');
    if (head !== '') segments.at(-1)?.push({ text: head });
    for (const text of tail) segments.push(text === '' ? [] : [{ text }]);
  }
  return segments;
}

function checkSegment(segment: Template, position: 'first' | 'later'): void {
  if (segment.length === 0) throw new MalformedTemplate('an empty path segment (// or a / at the end)');
  for (const part of segment) {
    if ('text' in part && !SEGMENT.test(part.text)) {
      throw new MalformedTemplate(
        `${JSON.stringify(part.text)}: only letters, digits, '.', '-', '_' are allowed in a path`,
      );
    }
  }
  const [only, ...others] = segment;
  if (only === undefined || !('text' in only) || others.length > 0) return;
  if (DOTS.test(only.text)) throw new MalformedTemplate(`the path segment ${only.text} is not allowed`);
  if (position === 'first' && only.text === RESERVED) {
    throw new MalformedTemplate(`paths under /${RESERVED}/ are reserved`);
  }
}

function renderSegment(segment: Template, view: AttributeView): string {
  let rendered = '';
  for (const part of segment) {
    if ('text' in part) {
      rendered += part.text;
      continue;
    }
    const value = view.single(part.attribute);
    if (!SEGMENT.test(value)) {
      throw noIdentity(`attribute ${part.attribute} has a character that a SPIFFE ID cannot have`);
    }
    rendered += value;
  }
  if (DOTS.test(rendered))
    throw noIdentity(`attribute ${attributesOf(segment).join(', ')} makes the path segment ${rendered}`);
  return rendered;
}
