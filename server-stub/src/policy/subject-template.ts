import type { SubjectName } from '../domain/subject-name.js';
import { noIdentity, type AttributeView } from './attribute-view.js';
import { MalformedTemplate } from './malformed-template.js';
import { readDistinguishedName, type NameTypeRule } from './distinguished-name-syntax.js';
import { attributesOf, type Template } from './template.js';

/** Line breaks, NUL and other controls, and halves of characters: in no name. */
const UNSAFE = /[\p{Cc}\p{Cs}]/u;
/** Where RFC 5280 A.1 states no upper bound. */
const MAX_LENGTH = 1024;

interface CompiledAttribute {
  readonly rule: NameTypeRule;
  readonly value: Template;
}

/** Template of an X.509 subject (RFC 4514, attributes in its values), compiled. A value cannot add a name of its own. */
export class SubjectTemplate {
  readonly reads: readonly string[];
  /** In the order of the certificate, which is the reverse of the text's. */
  readonly #names: readonly (readonly CompiledAttribute[])[];

  /** Throws MalformedTemplate. */
  constructor(text: string) {
    this.#names = readDistinguishedName(text).reverse();
    this.reads = this.#names.flat().flatMap(({ value }) => attributesOf(value));
    for (const { rule, value } of this.#names.flat()) checkConstant(rule, value);
  }

  /** Throws NO_IDENTITY_ISSUED, naming the attribute that stands in the way. */
  render(view: AttributeView): SubjectName {
    return this.#names.map((attributes) =>
      attributes.map(({ rule, value }) => ({ oid: rule.oid, value: renderValue(rule, value, view) })),
    );
  }
}

function checkConstant(rule: NameTypeRule, value: Template): void {
  if (attributesOf(value).length > 0) return;
  const text = value.map((part) => ('text' in part ? part.text : '')).join('');
  const reason = whyUnfit(rule, text);
  if (reason !== undefined) throw new MalformedTemplate(`${rule.name}: ${reason}`);
}

function renderValue(rule: NameTypeRule, template: Template, view: AttributeView): string {
  const text = template.map((part) => ('text' in part ? part.text : view.single(part.attribute))).join('');
  const reason = whyUnfit(rule, text);
  if (reason === undefined) return text;
  throw noIdentity(
    `attribute ${attributesOf(template).join(', ')} does not fit into the subject: ${rule.name}: ${reason}`,
  );
}

function whyUnfit({ maxLength = MAX_LENGTH, form, expected = '' }: NameTypeRule, text: string): string | undefined {
  if (text === '') return 'a value is expected';
  if (Array.from(text).length > maxLength) return `at most ${maxLength} characters are expected`;
  if (UNSAFE.test(text)) return 'control characters are not allowed';
  return form?.test(text) === false ? `${expected} expected` : undefined;
}
