import { MalformedTemplate } from './malformed-template.js';

/** A piece of a template: text as it stands, or the name of an attribute whose value goes here. */
export type TemplatePart = { readonly text: string } | { readonly attribute: string };

export type Template = readonly TemplatePart[];

/** Longest template that is read. */
const MAX_LENGTH = 4096;
/** Names are dotted words; label keys bring `[`, `]`, `/` and quotes with them. */
const ATTRIBUTE = /^[A-Za-z_][A-Za-z0-9_.[\]/'"-]{0,511}$/;

/** True for what may be the name of an attribute. */
export function isAttributeName(name: string): boolean {
  return ATTRIBUTE.test(name);
}

/** Parses `/ns/{{kubernetes.pod.namespace}}`; spaces inside the braces do not count. Throws MalformedTemplate. */
export function parseTemplate(text: string): Template {
  if (text.length > MAX_LENGTH) throw new MalformedTemplate(`at most ${MAX_LENGTH} characters are expected`);
  const parts: TemplatePart[] = [];
  let at = 0;
  while (at < text.length) {
    const open = text.indexOf('{{', at);
    const end = open === -1 ? text.length : open;
    if (end > at) parts.push({ text: plain(text.slice(at, end)) });
    if (open === -1) break;
    const close = text.indexOf('}}', open);
    if (close === -1) throw new MalformedTemplate('{{ without }}');
    parts.push({ attribute: attributeName(text.slice(open + 2, close)) });
    at = close + 2;
  }
  return parts;
}

/** Names of the attributes that a template reads. */
export function attributesOf(template: Template): readonly string[] {
  return template.flatMap((part) => ('attribute' in part ? [part.attribute] : []));
}

function plain(text: string): string {
  if (text.includes('}}')) throw new MalformedTemplate('}} without {{');
  return text;
}

function attributeName(inner: string): string {
  const name = inner.trim();
  if (!isAttributeName(name)) {
    throw new MalformedTemplate(`{{${inner.slice(0, 100)}}}: the name of an attribute is expected between the braces`);
  }
  return name;
}
