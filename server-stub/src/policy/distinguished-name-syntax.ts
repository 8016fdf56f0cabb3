import { MalformedTemplate } from './malformed-template.js';
import { parseTemplate, type Template } from './template.js';

/** One type of name: its upper bound (RFC 5280 A.1) and what its string type can hold. */
export interface NameTypeRule {
  readonly name: string;
  readonly oid: string;
  readonly maxLength?: number;
  readonly form?: RegExp;
  readonly expected?: string;
}

// Types of RFC 4514 section 3, and serialNumber.
const RULES: readonly NameTypeRule[] = [
  { name: 'CN', oid: '2.5.4.3', maxLength: 64 },
  { name: 'L', oid: '2.5.4.7', maxLength: 128 },
  { name: 'ST', oid: '2.5.4.8', maxLength: 128 },
  { name: 'O', oid: '2.5.4.10', maxLength: 64 },
  { name: 'OU', oid: '2.5.4.11', maxLength: 64 },
  { name: 'C', oid: '2.5.4.6', maxLength: 2, form: /^[A-Za-z]{2}$/, expected: 'a country code of two letters is' },
  { name: 'STREET', oid: '2.5.4.9', maxLength: 128 },
  { name: 'DC', oid: '0.9.2342.19200300.100.1.25', maxLength: 63, form: /^[\x20-\x7e]*$/, expected: 'ASCII is' },
  { name: 'UID', oid: '0.9.2342.19200300.100.1.1', maxLength: 256 },
  {
    name: 'SERIALNUMBER',
    oid: '2.5.4.5',
    maxLength: 64,
    form: /^[A-Za-z0-9 '()+,\-./:=?]*$/,
    expected: 'a printable string is',
  },
];
const BY_NAME = new Map(RULES.map((rule) => [rule.name, rule]));
const BY_OID = new Map(RULES.map((rule) => [rule.oid, rule]));
const DOTTED = /^(?:[01]\.(?:[1-3]?[0-9])|2\.(?:0|[1-9][0-9]{0,8}))(?:\.(?:0|[1-9][0-9]{0,8})){0,20}$/;
/** Characters that a backslash may stand before (RFC 4514 section 3). */
const ESCAPABLE = /^[\\"+,;<>#= ]/;
const HEX_PAIRS = /^(?:\\[0-9A-Fa-f]{2})+/;
/** Characters that stand for themselves only behind a backslash. */
const SPECIAL = /^["+,;<>]/;

/** Parses RFC 4514 text with `{{attribute}}` in values; relative names in the order of the text. Throws MalformedTemplate. */
export function readDistinguishedName(text: string): { rule: NameTypeRule; value: Template }[][] {
  const reader = new NameReader(text);
  const names: { rule: NameTypeRule; value: Template }[][] = [[reader.attribute()]];
  for (let sign = reader.separator(); sign !== undefined; sign = reader.separator()) {
    const attribute = reader.attribute();
    if (sign === '+') names.at(-1)?.push(attribute);
    else names.push([attribute]);
  }
  return names;
}

class NameReader {
  #rest: string;
  constructor(text: string) {
    this.#rest = text;
  }

  /** `,` or `+` before another attribute; undefined at the end. */
  separator(): string | undefined {
    return this.#take(/^[,+]/);
  }

  attribute(): { rule: NameTypeRule; value: Template } {
    const type = this.#take(/^ *([A-Za-z][A-Za-z0-9-]*|[0-9][0-9.]*) *=/);
    if (type === undefined)
      throw new MalformedTemplate(`a name like CN=… is expected at ${JSON.stringify(this.#near())}`);
    const rule = ruleOf(type.slice(0, -1).trim());
    this.#take(/^ +/);
    return { rule, value: this.#value() };
  }

  #value(): Template {
    if (this.#rest.startsWith('#')) throw new MalformedTemplate('values in #hex form are not supported');
    const value: Template[number][] = [];
    let text = '';
    // Spaces at the end do not belong to the value unless they are escaped.
    let significant = 0;
    const flush = (): void => {
      if (text !== '') value.push({ text });
      text = '';
      significant = 0;
    };
    while (this.#rest !== '' && !/^[,+]/.test(this.#rest)) {
      const insertion = this.#take(/^\{\{.*?\}\}/s);
      if (insertion !== undefined) {
        flush();
        value.push(...parseTemplate(insertion));
        continue;
      }
      const escaped = this.#escaped();
      text += escaped ?? this.#plain();
      if (escaped !== undefined || !text.endsWith(' ')) significant = text.length;
    }
    text = text.slice(0, significant);
    flush();
    return value;
  }

  #escaped(): string | undefined {
    const pairs = this.#take(HEX_PAIRS);
    if (pairs !== undefined) return utf8(Buffer.from(pairs.replaceAll('\\', ''), 'hex'));
    if (!this.#rest.startsWith('\\')) return undefined;
    this.#rest = this.#rest.slice(1);
    const character = this.#take(ESCAPABLE);
    if (character === undefined)
      throw new MalformedTemplate('a \\ is expected only before a special character or two hex digits');
    return character;
  }

  #plain(): string {
    const special = SPECIAL.exec(this.#rest);
    if (special !== null) throw new MalformedTemplate(`${special[0]} must be written \\${special[0]}`);
    const character = this.#take(/^./su) ?? '';
    if (/^[{}]$/.test(character)) throw new MalformedTemplate(`${character} is only expected in {{attribute}}`);
    return character;
  }

  #take(pattern: RegExp): string | undefined {
    const found = pattern.exec(this.#rest)?.[0];
    if (found !== undefined) this.#rest = this.#rest.slice(found.length);
    return found;
  }

  #near(): string {
    return this.#rest.slice(0, 20);
  }
}

function ruleOf(type: string): NameTypeRule {
  const rule = BY_NAME.get(type.toUpperCase()) ?? BY_OID.get(type);
  if (rule !== undefined) return rule;
  if (DOTTED.test(type)) return { name: type, oid: type };
  throw new MalformedTemplate(
    `${type.slice(0, 40)}: one of ${[...BY_NAME.keys()].join(', ')} or a dotted OID is expected`,
  );
}

function utf8(octets: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(octets);
  } catch {
    throw new MalformedTemplate('escaped octets must be UTF-8');
  }
}
